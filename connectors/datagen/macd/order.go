package macd

const maxLines = 5

// shape is what an index comes to, before it is spelled out. It is small and on
// the stack: payments need it only for the total.
type shape struct {
	customer uint32
	place    uint8
	channel  string
	lines    [maxLines]line
	n        int
	cents    int64
}

type line struct {
	dish     uint8
	quantity uint8
}

func (s *shape) add(dish, quantity uint8) {
	s.cents += int64(quantity) * menu[dish].cents
	for k := range s.lines[:s.n] {
		if s.lines[k].dish == dish {
			s.lines[k].quantity += quantity
			return
		}
	}
	s.lines[s.n] = line{dish: dish, quantity: quantity}
	s.n++
}

// comboShare is how many of a hundred orders begin with a combo.
const comboShare = 45

func (c *Config) shape(i int64) shape {
	r := c.random(i, orderStream)
	next := func() uint64 { r = mix(r); return r }
	s := shape{
		customer: uint32(next() % 5000),
		place:    uint8(next() % uint64(len(places))),
		channel:  channels.pick(next()),
	}
	// A combo has three dishes: with two more an order is as long as it can be.
	more := 1 + int(next()%maxLines+next()%maxLines)/2
	if next()%100 < comboShare {
		for _, d := range combos.pick(next()) {
			s.add(d, 1)
		}
		more /= 2
	}
	for range more {
		d := popular(next())
		q := uint8(1)
		if x := next() % 10; x >= 7 {
			q = uint8(2 + (x-7)/2)
		}
		s.add(d, q)
	}
	return s
}

// popular draws a dish; the square of a uniform number favours the first ones.
func popular(r uint64) uint8 {
	u := float64(r>>11) * 0x1p-53
	return uint8(u * u * float64(len(menu)))
}

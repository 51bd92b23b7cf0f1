package macd

import (
	"strings"
	"testing"
)

func TestBusiness(t *testing.T) {
	const n = 50_000
	c := Config{Seed: 21}
	cities, stores, channels, methods, dishes, prices := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]float64{}
	together := map[string]int{}
	for i := range int64(n) {
		o := c.Order(i)
		cities[o.City]++
		stores[o.StoreID]++
		channels[o.Channel]++
		seen := map[string]bool{}
		for _, it := range o.Items {
			if seen[it.Name] {
				t.Fatalf("order %d has two lines of %s", i, it.Name)
			}
			seen[it.Name] = true
			dishes[it.Name]++
			if p, ok := prices[it.Name]; ok && p != it.Price || it.Price <= 0 || it.Quantity < 1 {
				t.Fatalf("order %d: %+v, the price was %v before", i, it, p)
			}
			prices[it.Name] = it.Price
		}
		if seen["Double Stack Burger"] && seen["Fries Medium"] && seen["Cola 0.4 l"] {
			together["combo"]++
		}
		if seen["Hamburger"] && seen["Fries Medium"] && seen["Cola 0.4 l"] {
			together["chance"]++
		}
		for _, p := range c.Payments(i) {
			methods[p.Method]++
		}
	}
	for what, have := range map[string][2]int{"dishes": {len(dishes), 30}, "cities": {len(cities), 5}, "stores": {len(stores), 10}, "channels": {len(channels), 4}, "methods": {len(methods), 4}} {
		if have[0] < have[1] {
			t.Errorf("%d %s, want %d at least", have[0], what, have[1])
		}
	}
	if together["combo"] < n/10 || together["combo"] < 10*together["chance"] {
		t.Errorf("the dishes of a combo are ordered together %d times, others %d times", together["combo"], together["chance"])
	}
	if dishes["Fries Medium"] < 5*dishes["Hot Chocolate"] {
		t.Errorf("fries are ordered %d times, hot chocolate %d times: nothing is popular", dishes["Fries Medium"], dishes["Hot Chocolate"])
	}
}

// Combos name dishes of the menu.
func TestMenu(t *testing.T) {
	if len(menu) < 30 {
		t.Errorf("%d dishes", len(menu))
	}
	seen, share := map[string]bool{}, uint64(0)
	for _, d := range menu {
		if seen[d.name] || strings.TrimSpace(d.name) == "" || d.cents <= 0 {
			t.Errorf("dish %+v", d)
		}
		seen[d.name] = true
	}
	for _, c := range combos {
		share += c.share
		for _, d := range c.item {
			if int(d) >= len(menu) {
				t.Errorf("combo %v has a dish that is not on the menu", c.item)
			}
		}
	}
	if share != 100 {
		t.Errorf("the shares of the combos make %d", share)
	}
}

func TestOrphansHaveNoOrder(t *testing.T) {
	c := Config{Seed: 1, Iterations: 1000, Orphan: 1, Missing: 0.5}
	orders := map[string]bool{}
	for i := range c.Iterations {
		orders[c.OrderID(i)] = true
	}
	n := 0
	for i := range c.Iterations {
		for _, p := range c.Payments(i) {
			if p.Orphan {
				n++
			}
			if p.Orphan == orders[p.OrderID] || p.Amount <= 0 || p.Method == "" {
				t.Fatalf("payment %+v", p)
			}
		}
	}
	if n != 1000 {
		t.Errorf("%d orphans, want 1000", n)
	}
}

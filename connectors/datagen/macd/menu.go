package macd

import "slices"

// dish is one line of the menu; prices are in cents.
type dish struct {
	name  string
	cents int64
}

// menu is sorted by how often its dishes are ordered: the first ones are what
// most people come for.
var menu = [...]dish{
	{"Fries Medium", 299}, {"Cola 0.4 l", 269}, {"Classic Cheeseburger", 279}, {"Double Stack Burger", 629},
	{"Crispy Chicken Burger", 549}, {"Chicken Nuggets 9 pcs", 599}, {"Vanilla Cone", 149}, {"Coffee", 219},
	{"Bacon Deluxe Burger", 749}, {"Fries Large", 349}, {"Hamburger", 229}, {"Veggie Burger", 579},
	{"Chocolate Sundae", 289}, {"Fish Burger", 519}, {"Cappuccino", 319}, {"Chicken Wrap", 489},
	{"Apple Pie", 199}, {"Orange Lemonade 0.4 l", 269}, {"Mozzarella Sticks", 459}, {"Spicy Chicken Wings 6 pcs", 529},
	{"Cookie Shake", 419}, {"Garden Salad", 389}, {"Onion Rings", 329}, {"Mineral Water 0.5 l", 199},
	{"Breakfast Muffin", 349}, {"Caesar Salad", 699}, {"Iced Tea 0.4 l", 269}, {"Pancakes", 429},
	{"Triple Cheese Burger", 849}, {"Family Bucket", 2199}, {"Fruit Bag", 129}, {"Hot Chocolate", 299},
	{"Curry Dip", 59}, {"Kids Meal", 499},
}

// place is a restaurant.
type place struct{ id, name, city string }

var places = [...]place{
	{"S001", "Alexanderplatz", "Berlin"}, {"S002", "Zoologischer Garten", "Berlin"}, {"S003", "Reeperbahn", "Hamburg"},
	{"S004", "Jungfernstieg", "Hamburg"}, {"S005", "Marienplatz", "Munich"}, {"S006", "Sendlinger Tor", "Munich"},
	{"S007", "Domplatte", "Cologne"}, {"S008", "Hauptwache", "Frankfurt"}, {"S009", "Schlossplatz", "Stuttgart"},
	{"S010", "Königsallee", "Düsseldorf"}, {"S011", "Augustusplatz", "Leipzig"}, {"S012", "Prager Straße", "Dresden"},
}

// weighted is a choice with shares of a hundred.
type weighted[T any] []struct {
	item  T
	share uint64
}

func (w weighted[T]) pick(r uint64) T {
	at := r % 100
	for _, c := range w {
		if at < c.share {
			return c.item
		}
		at -= c.share
	}
	return w[len(w)-1].item
}

var (
	channels = weighted[string]{{"drive-thru", 38}, {"counter", 27}, {"kiosk", 20}, {"app", 10}, {"delivery", 5}}
	methods  = weighted[string]{{"card", 46}, {"mobile", 24}, {"cash", 22}, {"voucher", 8}}
)

// combo is dishes that are ordered together.
type combo [3]uint8

// combos make some dishes popular beyond their place on the menu.
var combos = weighted[combo]{
	{together("Double Stack Burger", "Fries Medium", "Cola 0.4 l"), 34},
	{together("Crispy Chicken Burger", "Fries Large", "Cola 0.4 l"), 22},
	{together("Chicken Nuggets 9 pcs", "Fries Medium", "Curry Dip"), 16},
	{together("Veggie Burger", "Garden Salad", "Mineral Water 0.5 l"), 10},
	{together("Breakfast Muffin", "Coffee", "Fruit Bag"), 10},
	{together("Kids Meal", "Apple Pie", "Orange Lemonade 0.4 l"), 8},
}

func together(names ...string) (c combo) {
	for k, name := range names {
		c[k] = uint8(slices.IndexFunc(menu[:], func(d dish) bool { return d.name == name }))
	}
	return c
}

var firstNames = [...]string{
	"Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hannes", "Ida", "Jonas", "Katharina", "Leon",
	"Mia", "Noah", "Olivia", "Paul", "Rosa", "Samir", "Tilda", "Umut", "Vera", "Wim", "Yara", "Zoe",
}

var lastNames = [...]string{
	"Albrecht", "Becker", "Conrad", "Dietz", "Engel", "Fischer", "Graf", "Hoffmann", "Ilic", "Jansen", "Klein",
	"Lorenz", "Meyer", "Nowak", "Otto", "Peters", "Richter", "Schulz", "Thiel", "Ulrich", "Vogel", "Weber", "Yilmaz", "Zimmer",
}

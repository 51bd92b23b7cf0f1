package datagen

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"culvert/connectors/datagen/gen"
)

//go:embed schemas/*.json
var schemas embed.FS

const (
	macdOrders   = "MACD_ORDERS"
	macdPayments = "MACD_PAYMENTS"
)

// quickstart is a stream that is known by name.
type quickstart struct {
	name string
	key  string // its default key field
	// resource is the name that schema.filename has for the original's own file;
	// ours is under schemas, by the name without _schema.
	resource string
}

// quickstarts are the names of the original in its order.
var quickstarts = []quickstart{
	{name: "clickstream_codes", resource: "clickstream_codes_schema.avro", key: "code"},
	{name: "clickstream", resource: "clickstream_schema.avro", key: "ip"},
	{name: "clickstream_users", resource: "clickstream_users_schema.avro", key: "user_id"},
	{name: "orders", resource: "orders_schema.avro", key: "orderid"},
	{name: "ratings", resource: "ratings_schema.avro", key: "rating_id"},
	{name: "users", resource: "users_schema.avro", key: "userid"},
	{name: "users_", resource: "users_array_map_schema.avro", key: "userid"},
	{name: "pageviews", resource: "pageviews_schema.avro", key: "viewtime"},
	{name: "stock_trades", resource: "stock_trades_schema.avro", key: "symbol"},
	{name: "inventory", resource: "inventory.avro", key: "id"},
	{name: "product", resource: "product.avro", key: "id"},
	{name: "purchases", resource: "purchase.avro", key: "id"},
	{name: "transactions", resource: "transactions.avro", key: "transaction_id"},
	{name: "stores", resource: "stores.avro", key: "store_id"},
	{name: "credit_cards", resource: "credit_cards.avro", key: "card_id"},
	{name: "campaign_finance", resource: "campaign_finance.avro", key: "candidate_id"},
	{name: "fleet_mgmt_description", resource: "fleet_mgmt_description.avro", key: "vehicle_id"},
	{name: "fleet_mgmt_location", resource: "fleet_mgmt_location.avro", key: "vehicle_id"},
	{name: "fleet_mgmt_sensors", resource: "fleet_mgmt_sensors.avro", key: "vehicle_id"},
	{name: "pizza_orders", resource: "pizza_orders.avro", key: "store_id"},
	{name: "pizza_orders_completed", resource: "pizza_orders_completed.avro", key: "store_id"},
	{name: "pizza_orders_cancelled", resource: "pizza_orders_cancelled.avro", key: "store_id"},
	{name: "insurance_offers", resource: "insurance_offers.avro", key: "offer_id"},
	{name: "insurance_customers", resource: "insurance_customers.avro", key: "customer_id"},
	{name: "insurance_customer_activity", resource: "insurance_customer_activity.avro", key: "activity_id"},
	{name: "gaming_games", resource: "gaming_games.avro", key: "id"},
	{name: "gaming_players", resource: "gaming_players.avro", key: "player_id"},
	{name: "gaming_player_activity", resource: "gaming_player_activity.avro", key: "player_id"},
	{name: "payroll_employee", resource: "payroll_employee.avro", key: "employee_id"},
	{name: "payroll_employee_location", resource: "payroll_employee_location.avro", key: "employee_id"},
	{name: "payroll_bonus", resource: "payroll_bonus.avro", key: "employee_id"},
	{name: "syslog_logs", resource: "syslog_logs.avro", key: "host"},
	{name: "device_information", resource: "device_information.avro", key: "device_ip"},
	{name: "siem_logs", resource: "siem_logs.avro", key: "hostname"},
	{name: "shoes", resource: "shoes.avro", key: "id"},
	{name: "shoe_customers", resource: "shoe_customers.avro", key: "id"},
	{name: "shoe_orders", resource: "shoe_orders.avro", key: "order_id"},
	{name: "shoe_clickstream", resource: "shoe_clickstream.avro", key: "product_id"},
}

// Quickstart is a stream that is known by name, and its default key field.
type Quickstart struct{ Name, Key string }

// Quickstarts lists the names of the original in its order, in lower case.
func Quickstarts() []Quickstart {
	list := make([]Quickstart, len(quickstarts))
	for i, q := range quickstarts {
		list[i] = Quickstart{Name: q.name, Key: q.key}
	}
	return list
}

func find(name string) *quickstart {
	for i := range quickstarts {
		if strings.EqualFold(quickstarts[i].name, name) {
			return &quickstarts[i]
		}
	}
	return nil
}

// checkQuickstart refuses a name that is not known.
func checkQuickstart(name string) error {
	if isMacd(name) {
		return nil
	}
	q := find(name)
	if q == nil {
		var names []string
		for _, q := range quickstarts {
			names = append(names, q.name)
		}
		names = append(names, strings.ToLower(macdOrders), strings.ToLower(macdPayments))
		return fmt.Errorf("quickstart must be one out of %s", strings.Join(names, ","))
	}
	return nil
}

// file is the name of our schema among schemas.
func (q *quickstart) file() string {
	return "schemas/" + strings.TrimSuffix(strings.TrimSuffix(q.resource, ".avro"), "_schema") + ".json"
}

func (q *quickstart) schema() (*gen.Schema, error) {
	text, err := schemas.ReadFile(q.file())
	if err != nil {
		return nil, err
	}
	return gen.Parse(string(text))
}

// schemaFile reads a schema from a file, or the original's file of that name.
func schemaFile(name string) (*gen.Schema, error) {
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		for i := range quickstarts {
			if q := &quickstarts[i]; q.resource == filepath.ToSlash(name) {
				return q.schema()
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return gen.Parse(string(text))
}

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
	file string // under schemas, without .json; empty: known, but not made yet
	key  string
	// resource is the name that schema.filename has for the original's own file.
	resource string
}

// quickstarts are the names of the original in its order.
var quickstarts = []quickstart{
	{name: "clickstream_codes", key: "code"}, {name: "clickstream", key: "ip"}, {name: "clickstream_users", key: "user_id"},
	{name: "orders", file: "orders", key: "orderid", resource: "orders_schema.avro"},
	{name: "ratings", key: "rating_id"}, {name: "users", key: "userid"}, {name: "users_", key: "userid"},
	{name: "pageviews", key: "viewtime"}, {name: "stock_trades", key: "symbol"}, {name: "inventory", key: "id"},
	{name: "product", key: "id"}, {name: "purchases", key: "id"}, {name: "transactions", key: "transaction_id"},
	{name: "stores", key: "store_id"}, {name: "credit_cards", key: "card_id"}, {name: "campaign_finance", key: "candidate_id"},
	{name: "fleet_mgmt_description", key: "vehicle_id"}, {name: "fleet_mgmt_location", key: "vehicle_id"}, {name: "fleet_mgmt_sensors", key: "vehicle_id"},
	{name: "pizza_orders", key: "store_id"}, {name: "pizza_orders_completed", key: "store_id"}, {name: "pizza_orders_cancelled", key: "store_id"},
	{name: "insurance_offers", key: "offer_id"}, {name: "insurance_customers", key: "customer_id"}, {name: "insurance_customer_activity", key: "activity_id"},
	{name: "gaming_games", key: "id"}, {name: "gaming_players", key: "player_id"}, {name: "gaming_player_activity", key: "player_id"},
	{name: "payroll_employee", key: "employee_id"}, {name: "payroll_employee_location", key: "employee_id"}, {name: "payroll_bonus", key: "employee_id"},
	{name: "syslog_logs", key: "host"}, {name: "device_information", key: "device_ip"}, {name: "siem_logs", key: "hostname"},
	{name: "shoes", key: "id"}, {name: "shoe_customers", key: "id"}, {name: "shoe_orders", key: "order_id"}, {name: "shoe_clickstream", key: "product_id"},
}

func find(name string) *quickstart {
	for i := range quickstarts {
		if strings.EqualFold(quickstarts[i].name, name) {
			return &quickstarts[i]
		}
	}
	return nil
}

// checkQuickstart refuses a name that is not known, or not made yet.
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
	if q.file == "" {
		return fmt.Errorf("quickstart %s is not part of this version of Culvert; it has %s. Its schema can be given as schema.string", name, strings.Join(made(), ", "))
	}
	return nil
}

// made lists the names that work.
func made() []string {
	var names []string
	for _, q := range quickstarts {
		if q.file != "" {
			names = append(names, strings.ToUpper(q.name))
		}
	}
	return append(names, macdOrders, macdPayments)
}

func (q *quickstart) schema() (*gen.Schema, error) {
	text, err := schemas.ReadFile("schemas/" + q.file + ".json")
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
			if q := &quickstarts[i]; q.resource != "" && q.resource == filepath.ToSlash(name) {
				return q.schema()
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return gen.Parse(string(text))
}

package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"

	"culvert/configdef"
)

// checkLimit bounds the dialling of a validation; Java waits for the connect
// timeout and a little more.
const checkLimit = 10500 * time.Millisecond

// checkSelection is how long a validation looks for a server: it asks once.
const checkSelection = 5 * time.Second

// check validates the keys. If they are right, Java's connector also dials the server
// and looks at the user's rights: dial.
func check(_ context.Context, props map[string]string) *configdef.Report {
	_, r := validate(props)
	return r
}

func dial(ctx context.Context, props map[string]string, r *configdef.Report) string {
	s, _ := definition.Parse(props)
	target := "MongoDB at " + hostsOf(s.URI)
	cfg, err := newConfig(props)
	if err != nil {
		return target // Java leaves what only a start finds to the start
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	ask(ctx, &s, cfg, r)
	return target
}

func ask(ctx context.Context, s *settings, cfg *config, r *configdef.Report) {
	opts, err := clientOptions(s, checkSelection)
	if err != nil {
		r.Fail(keyURI, "%s", err.Error())
		return
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		r.Fail(keyURI, "%s", uriFault(s.URI, err).Error())
		return
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }() // a client of its own, thrown away
	if err := client.Ping(ctx, nil); err != nil {
		var a *auth.Error
		if errors.As(err, &a) || hasAny(errorCodes(err), append([]int{atlasError}, authCodes...)) {
			r.Fail(keyURI, "Invalid user permissions authentication failed. %s", explain(err))
		} else {
			r.Fail(keyURI, "Unable to connect to the server.")
		}
		return
	}
	if s.APIVersion != "" && !atLeast5(ctx, client) {
		r.Fail(keyURI, "Server Version API requires MongoDB 5.0 or greater")
	}
	checkRights(ctx, client, opts, s, cfg, r)
}

func errorCodes(err error) []int {
	var se mongo.ServerError
	if errors.As(err, &se) {
		return se.ErrorCodes()
	}
	return nil
}

func atLeast5(ctx context.Context, client *mongo.Client) bool {
	var info struct {
		Version []int32 `bson:"versionArray"`
	}
	err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info)
	return err != nil || len(info.Version) == 0 || info.Version[0] >= 5
}

// checkRights is ConnectionValidator.validateUserHasActions: the actions that the
// sink needs, by the user's own account of its privileges. A server that does not
// give one is trusted.
func checkRights(ctx context.Context, client *mongo.Client, opts *options.ClientOptions, s *settings, cfg *config, r *configdef.Report) {
	if opts.Auth == nil {
		return
	}
	source := opts.Auth.AuthSource
	if source == "" {
		source = "admin"
	}
	var status connectionStatus
	cmd := bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}
	if err := client.Database(source).RunCommand(ctx, cmd).Decode(&status); err != nil {
		return
	}
	targets := []*topicConfig{{settings: *s}}
	if len(s.Topics) > 0 {
		targets = targets[:0]
		for _, t := range s.Topics {
			if tc, err := cfg.topic(t); err == nil {
				targets = append(targets, tc)
			}
		}
	}
	for _, t := range targets {
		missing := []string{"insert", "update", "remove"}
		missing = without(missing, status.AuthInfo.Privileges, source, t.Database, t.Collection)
		if len(missing) == 0 || len(status.AuthInfo.Privileges) == 0 && len(status.AuthInfo.Users) == 0 {
			continue
		}
		failOnce(r, keyURI, fmt.Sprintf("Invalid user permissions. Missing the following action permissions: %s", strings.Join(missing, ", ")))
	}
}

type connectionStatus struct {
	AuthInfo struct {
		Users      []bson.Raw  `bson:"authenticatedUsers"`
		Privileges []privilege `bson:"authenticatedUserPrivileges"`
	} `bson:"authInfo"`
}

type privilege struct {
	Resource struct {
		Cluster     bool    `bson:"cluster"`
		AnyResource bool    `bson:"anyResource"`
		DB          *string `bson:"db"`
		Collection  *string `bson:"collection"`
	} `bson:"resource"`
	Actions []string `bson:"actions"`
}

// without removes the actions that the privileges grant on the namespace.
func without(actions []string, privileges []privilege, source, db, coll string) []string {
	for _, p := range privileges {
		res := p.Resource
		match := res.Cluster || res.AnyResource
		if res.DB != nil && res.Collection != nil {
			anyColl := *res.Collection == "" || *res.Collection == coll
			match = match || *res.DB == "" && anyColl || *res.DB == source && *res.Collection == "" || *res.DB == db && anyColl
		}
		if match {
			actions = slices.DeleteFunc(actions, func(a string) bool { return slices.Contains(p.Actions, a) })
		}
	}
	return actions
}

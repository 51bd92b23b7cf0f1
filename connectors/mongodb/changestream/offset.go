package changestream

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/connectors/mongodb"
	"culvert/connectors/mongodb/extjson"
	"culvert/data"
	"culvert/fault"
)

// Names in source partitions and offsets (MongoSourceTask, HeartbeatManager). An
// offset is {"_id": the resume token as JSON}; with "copy": "true" it says only that
// existing data was being copied, with "HEARTBEAT": "true" that there was no event.
const (
	offsetNamespace = "ns"
	offsetID        = "_id"
	offsetCopy      = "copy"
	offsetHeartbeat = "HEARTBEAT"
	yes             = "true"
)

// partitionName is offset.partition.name, or MongoSourceTask.createDefaultPartitionName:
// the hosts in order, as they are written in the connection string.
func partitionName(s *settings) string {
	if s.OffsetPartition != "" {
		return s.OffsetPartition
	}
	scheme, rest, _ := strings.Cut(s.URI(), "://")
	rest, _, _ = strings.Cut(rest, "?")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	rest, _, _ = strings.Cut(rest, "/")
	hosts := strings.Split(rest, ",")
	for i, h := range hosts {
		if strings.HasSuffix(h, ".sock") {
			if path, err := url.QueryUnescape(h); err == nil {
				hosts[i] = path
			}
		}
	}
	slices.Sort(hosts)
	name := scheme + "://" + strings.Join(hosts, ",") + "/" + s.Database
	if s.Collection != "" {
		name += "." + s.Collection
	}
	return name
}

// partitionOf is the source partition of a configuration.
func partitionOf(s *settings) data.Value {
	return data.OfMap([]data.Value{data.OfString(offsetNamespace), data.OfString(partitionName(s))})
}

// stored is the position that is kept for the source's partition.
type stored struct {
	token   bson.Raw // nil: none
	copying bool     // existing data was being copied
	any     bool     // there is an offset at all
}

func load(ctx context.Context, offsets connectors.OffsetReader, partition data.Value) (stored, error) {
	if offsets == nil {
		return stored{}, nil
	}
	found, err := offsets.Load(ctx, []data.Value{partition})
	if err != nil || len(found) == 0 {
		return stored{}, err
	}
	at, err := readOffset(found[0])
	if err != nil {
		return at, fault.New(fault.Config, "mongo.offset", "The stored offset cannot be read: %w", err).
			WithFix("Stop the connector and set or delete its offsets (PATCH or DELETE /connectors/{name}/offsets).")
	}
	return at, nil
}

// readOffset reads an offset, null where there is none.
func readOffset(next data.Value) (stored, error) {
	if next.IsNull() {
		return stored{}, nil
	}
	at := stored{any: true}
	if _, at.copying = next.Lookup(offsetCopy); at.copying {
		return at, nil
	}
	id, ok := next.Lookup(offsetID)
	if !ok {
		return at, nil
	}
	if id.Kind() != data.String {
		return at, fmt.Errorf("%q is no text", offsetID)
	}
	var err error
	if at.token, err = mongodb.Document(id.Str()); err != nil {
		return at, fmt.Errorf("%q is no resume token: %w", offsetID, err)
	}
	return at, nil
}

// tokenText is a document as offsets hold it: Java's BsonDocument.toJson.
func tokenText(token bson.Raw) string {
	return string(extjson.AppendDocument(nil, token, extjson.Relaxed))
}

// offset makes an offset of a token; flag is one of the other names, or empty.
func offset(token, flag string) data.Value {
	pairs := []data.Value{data.OfString(offsetID), data.OfString(token)}
	if flag != "" {
		pairs = append(pairs, data.OfString(flag), data.OfString(yes))
	}
	return data.OfMap(pairs)
}

package com.mongodb.kafka.connect.sink; // MongoProcessedSinkRecordData is not public

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.mongodb.MongoClientSettings;
import com.mongodb.client.model.DeleteOneModel;
import com.mongodb.client.model.InsertOneModel;
import com.mongodb.client.model.ReplaceOneModel;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.WriteModel;
import com.mongodb.kafka.connect.sink.converter.SinkConverter;
import com.mongodb.kafka.connect.sink.converter.SinkDocument;
import java.util.ArrayList;
import java.util.Map;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.bson.BsonDocument;
import org.bson.conversions.Bson;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/** What MongoDB's sink connector makes of a record. */
public final class MongoAnswers {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final JsonWriterSettings CANONICAL = JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();
    private static final String UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
    private final MongoSinkConfig config;

    /** The failure of a document that is first read when it is sent. */
    public static final class Late extends Exception {
        Late(Exception cause) { super(cause); }
    }

    /** The failure of a record that is skipped. */
    public static final class Tolerated extends Exception {
        Tolerated(Exception cause) { super(cause); }
    }

    public MongoAnswers(Map<String, String> props) {
        config = new MongoSinkConfig(props);
        config.getTopics().ifPresent(topics -> topics.forEach(config::getMongoSinkTopicConfig));
    }

    public static JsonNode convert(SinkRecord r) throws Exception {
        SinkDocument d = new SinkConverter().convert(r);
        ObjectNode o = MAPPER.createObjectNode();
        o.set("keyDoc", json(d.getKeyDoc().orElse(null)));
        o.set("valueDoc", json(d.getValueDoc().orElse(null)));
        return o;
    }

    public JsonNode process(SinkRecord r, String given) throws Exception {
        MongoProcessedSinkRecordData d = new MongoProcessedSinkRecordData(r, config);
        if (d.getException() != null) throw new Tolerated(d.getException());
        ObjectNode o = MAPPER.createObjectNode().put("namespace", d.getNamespace().getFullName());
        try {
            o.set("writeModel", masked(model(d.getWriteModel()), given));
        } catch (DataException e) {
            throw new Late(e);
        }
        return o;
    }

    private static JsonNode model(WriteModel<BsonDocument> w) throws Exception {
        ObjectNode o = MAPPER.createObjectNode();
        if (w == null) return MAPPER.nullNode();
        if (w instanceof InsertOneModel) {
            o.put("model", "InsertOne").set("document", json(((InsertOneModel<BsonDocument>) w).getDocument()));
        } else if (w instanceof ReplaceOneModel) {
            ReplaceOneModel<BsonDocument> m = (ReplaceOneModel<BsonDocument>) w;
            o.put("model", "ReplaceOne").set("filter", json(m.getFilter()));
            o.set("replacement", json(m.getReplacement()));
            o.put("upsert", m.getReplaceOptions().isUpsert());
        } else if (w instanceof UpdateOneModel) {
            UpdateOneModel<BsonDocument> m = (UpdateOneModel<BsonDocument>) w;
            o.put("model", "UpdateOne").set("filter", json(m.getFilter()));
            o.set("update", json(m.getUpdate()));
            o.put("upsert", m.getOptions().isUpsert());
        } else {
            o.put("model", "DeleteOne").set("filter", json(((DeleteOneModel<BsonDocument>) w).getFilter()));
        }
        return o;
    }

    private static JsonNode json(Bson b) throws Exception {
        if (b == null) return MAPPER.nullNode();
        BsonDocument read = b.toBsonDocument(BsonDocument.class, MongoClientSettings.getDefaultCodecRegistry());
        BsonDocument copy = new BsonDocument(); // a lazy document is read here, and fails here
        read.forEach(copy::append);
        return MAPPER.readTree(copy.toJson(CANONICAL));
    }

    /** Puts masks in the place of what is made up anew for each record. */
    private static JsonNode masked(JsonNode n, String given) {
        if (n.isArray()) for (int i = 0; i < n.size(); i++) ((ArrayNode) n).set(i, masked(n.get(i), given));
        if (n.isTextual() && n.asText().matches(UUID) && !given.contains(n.asText())) return TextNode.valueOf("<uuid>");
        if (!n.isObject()) return n;
        ObjectNode o = (ObjectNode) n;
        if (o.has("$oid") && !given.contains(o.get("$oid").asText())) return o.put("$oid", "<oid>");
        JsonNode binary = o.path("$binary");
        if (binary.path("subType").asText().equals("04") && !given.contains(binary.path("base64").asText())) {
            ((ObjectNode) binary).put("base64", "<uuid>");
            return o;
        }
        if (o.has("$date") && Math.abs(o.path("$date").path("$numberLong").asLong() - System.currentTimeMillis()) < 600_000) return o.put("$date", "<now>");
        ArrayList<String> names = new ArrayList<>();
        o.fieldNames().forEachRemaining(names::add);
        for (String f : names) o.set(f, masked(o.get(f), given));
        return o;
    }
}

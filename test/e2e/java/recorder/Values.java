import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;

/** Values, schemas and records in the JSON of the golden files. */
final class Values {
    static final JsonNodeFactory JSON = JsonNodeFactory.withExactBigDecimals(true);

    static boolean absent(JsonNode n) { return n == null || n.isNull() || n.isMissingNode(); }

    static byte[] raw(JsonNode n) { return absent(n) ? null : Base64.getDecoder().decode(n.path("bytes").asText()); }

    static JsonNode raw(byte[] b) {
        if (b == null) return JSON.nullNode();
        ObjectNode o = JSON.objectNode().put("bytes", Base64.getEncoder().encodeToString(b));
        String s = new String(b, StandardCharsets.UTF_8);
        return Arrays.equals(s.getBytes(StandardCharsets.UTF_8), b) ? o.put("text", s) : o;
    }

    static JsonNode both(SchemaAndValue v) {
        ObjectNode o = JSON.objectNode();
        o.set("schema", v == null ? JSON.nullNode() : schema(v.schema()));
        o.set("value", v == null ? JSON.nullNode() : value(v.schema(), v.value()));
        return o;
    }

    static ConnectRecord<?> record(JsonNode n, boolean source) {
        Schema ks = schema(n.path("keySchema")), vs = schema(n.path("valueSchema"));
        Object k = value(ks, n.path("key")), v = value(vs, n.path("value"));
        Integer partition = n.path("partition").isNumber() ? n.path("partition").asInt() : null;
        Long timestamp = n.path("timestamp").isNumber() ? n.path("timestamp").asLong() : null;
        ConnectHeaders headers = new ConnectHeaders();
        for (JsonNode h : n.path("headers")) {
            Schema s = schema(h.path("schema"));
            headers.add(h.path("key").asText(), value(s, h.path("value")), s);
        }
        String topic = n.path("topic").asText();
        if (source) return new SourceRecord(Map.of("p", 1), Map.of("o", 2), topic, partition, ks, k, vs, v, timestamp, headers);
        TimestampType type = timestamp == null ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
        return new SinkRecord(topic, partition == null ? 0 : partition, ks, k, vs, v, n.path("kafkaOffset").asLong(), timestamp, type, headers);
    }

    static JsonNode record(ConnectRecord<?> r) {
        if (r == null) return JSON.nullNode();
        ObjectNode o = JSON.objectNode().put("topic", r.topic()).put("partition", r.kafkaPartition());
        o.set("keySchema", schema(r.keySchema()));
        o.set("key", value(r.keySchema(), r.key()));
        o.set("valueSchema", schema(r.valueSchema()));
        o.set("value", value(r.valueSchema(), r.value()));
        o.put("timestamp", r.timestamp());
        ArrayNode headers = o.putArray("headers");
        for (Header h : r.headers()) {
            ObjectNode x = headers.addObject().put("key", h.key());
            x.set("schema", schema(h.schema()));
            x.set("value", value(h.schema(), h.value()));
        }
        if (r instanceof SinkRecord) o.put("kafkaOffset", ((SinkRecord) r).kafkaOffset());
        return o;
    }

    static Schema schema(JsonNode n) {
        if (absent(n)) return null;
        Schema.Type type = Schema.Type.valueOf(n.path("type").asText().toUpperCase(Locale.ROOT));
        SchemaBuilder b;
        switch (type) {
            case ARRAY: b = SchemaBuilder.array(schema(n.path("items"))); break;
            case MAP: b = SchemaBuilder.map(schema(n.path("keys")), schema(n.path("values"))); break;
            default: b = SchemaBuilder.type(type);
        }
        if (n.path("optional").asBoolean()) b.optional();
        if (n.hasNonNull("name")) b.name(n.path("name").asText());
        if (n.hasNonNull("version")) b.version(n.path("version").asInt());
        if (n.hasNonNull("doc")) b.doc(n.path("doc").asText());
        n.path("parameters").fields().forEachRemaining(e -> b.parameter(e.getKey(), e.getValue().asText()));
        for (JsonNode f : n.path("fields")) b.field(f.path("field").asText(), schema(f));
        if (n.hasNonNull("default")) b.defaultValue(value(b.build(), n.path("default")));
        return b.build();
    }

    static JsonNode schema(Schema s) {
        if (s == null) return JSON.nullNode();
        ObjectNode o = JSON.objectNode();
        fill(o, s);
        return o;
    }

    private static void fill(ObjectNode o, Schema s) {
        o.put("type", s.type().getName()).put("optional", s.isOptional());
        if (s.name() != null) o.put("name", s.name());
        if (s.version() != null) o.put("version", s.version());
        if (s.doc() != null) o.put("doc", s.doc());
        if (s.defaultValue() != null) o.set("default", value(s, s.defaultValue()));
        if (s.parameters() != null && !s.parameters().isEmpty()) {
            ObjectNode p = o.putObject("parameters");
            s.parameters().forEach(p::put);
        }
        switch (s.type()) {
            case STRUCT:
                ArrayNode fields = o.putArray("fields");
                for (Field f : s.fields()) fill(fields.addObject().put("field", f.name()), f.schema());
                break;
            case ARRAY:
                o.set("items", schema(s.valueSchema()));
                break;
            case MAP:
                o.set("keys", schema(s.keySchema()));
                o.set("values", schema(s.valueSchema()));
                break;
            default:
        }
    }

    private static Schema keys(Schema s) { return s != null && s.type() == Schema.Type.MAP ? s.keySchema() : null; }

    private static Schema items(Schema s) {
        return s != null && (s.type() == Schema.Type.MAP || s.type() == Schema.Type.ARRAY) ? s.valueSchema() : null;
    }

    static Object value(Schema s, JsonNode n) {
        if (absent(n)) return null;
        Map.Entry<String, JsonNode> e = n.fields().next();
        JsonNode v = e.getValue();
        switch (e.getKey()) {
            case "int8": return (byte) v.asInt();
            case "int16": return (short) v.asInt();
            case "int32": return v.asInt();
            case "int64": return v.bigIntegerValue().longValue();
            case "float32": return Float.parseFloat(v.asText());
            case "float64": return Double.parseDouble(v.asText());
            case "boolean": return v.asBoolean();
            case "string": return v.asText();
            case "bytes": return Base64.getDecoder().decode(v.asText());
            case "date": case "time": case "timestamp": return new java.util.Date(v.asLong());
            case "decimal": return new BigDecimal(new BigInteger(v.path("unscaled").asText()), v.path("scale").asInt());
            case "bigint": return new BigInteger(v.asText());
            case "array":
                List<Object> list = new ArrayList<>();
                for (JsonNode x : v) list.add(value(items(s), x));
                return list;
            case "map":
                Map<Object, Object> map = new LinkedHashMap<>();
                for (JsonNode x : v) map.put(value(keys(s), x.get(0)), value(items(s), x.get(1)));
                return map;
            case "struct":
                return struct(s, v);
            default: throw new IllegalArgumentException("cannot read " + n);
        }
    }

    /** An input that cannot be had: the case is left out. */
    static final class NoInput extends RuntimeException {
        NoInput(Throwable cause) { super(cause); }
    }

    private static Struct struct(Schema s, JsonNode fields) {
        try {
            Struct struct = new Struct(s);
            for (JsonNode x : fields) {
                Field f = s.field(x.get(0).asText());
                Object v = value(f.schema(), x.get(1));
                if (v != null || f.schema().defaultValue() == null) struct.put(f, v); // a null before its default is one that was never put
            }
            return struct;
        } catch (RuntimeException e) {
            throw new NoInput(e);
        }
    }

    static JsonNode value(Schema s, Object v) {
        ObjectNode o = JSON.objectNode();
        if (v == null) return JSON.nullNode();
        if (v instanceof Byte) return o.put("int8", (Byte) v);
        if (v instanceof Short) return o.put("int16", (Short) v);
        if (v instanceof Integer) return o.put("int32", (Integer) v);
        if (v instanceof Long) return o.put("int64", (Long) v);
        if (v instanceof Float) return number(o, "float32", (Float) v, v.toString());
        if (v instanceof Double) return number(o, "float64", (Double) v, v.toString());
        if (v instanceof Boolean) return o.put("boolean", (Boolean) v);
        if (v instanceof String) return o.put("string", (String) v);
        if (v instanceof byte[]) return o.put("bytes", Base64.getEncoder().encodeToString((byte[]) v));
        if (v instanceof ByteBuffer) return value(s, Utils.toArray(((ByteBuffer) v).duplicate()));
        if (v instanceof java.util.Date) return o.put(dateName(s), ((java.util.Date) v).getTime());
        if (v instanceof BigInteger) return o.put("bigint", v.toString());
        if (v instanceof BigDecimal) {
            o.putObject("decimal").put("unscaled", ((BigDecimal) v).unscaledValue().toString()).put("scale", ((BigDecimal) v).scale());
        } else if (v instanceof List) {
            ArrayNode a = o.putArray("array");
            for (Object x : (List<?>) v) a.add(value(items(s), x));
        } else if (v instanceof Map) {
            ArrayNode a = o.putArray("map");
            ((Map<?, ?>) v).forEach((k, x) -> a.addArray().add(value(keys(s), k)).add(value(items(s), x)));
        } else if (v instanceof Struct) {
            ArrayNode a = o.putArray("struct");
            Struct struct = (Struct) v;
            for (Field f : struct.schema().fields()) a.addArray().add(f.name()).add(value(f.schema(), struct.getWithoutDefault(f.name())));
        } else {
            o.putObject("java").put("class", v.getClass().getName()).put("text", v.toString());
        }
        return o;
    }

    private static JsonNode number(ObjectNode o, String kind, double d, String text) {
        if (Double.isNaN(d) || Double.isInfinite(d)) return o.put(kind, text);
        o.putRawValue(kind, new RawValue(text)); // keeps -0.0, which Jackson's numbers do not
        return o;
    }

    private static String dateName(Schema s) {
        if (s != null && Date.LOGICAL_NAME.equals(s.name())) return "date";
        return s != null && Time.LOGICAL_NAME.equals(s.name()) ? "time" : "timestamp";
    }
}

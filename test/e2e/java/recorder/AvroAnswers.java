import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.apicurio.registry.serde.avro.NonRecordContainer;
import io.apicurio.registry.utils.converter.avro.AvroData;
import io.apicurio.registry.utils.converter.avro.AvroDataConfig;
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Field;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.util.Utf8;

/** AvroData, as Apicurio's converter has it. */
final class AvroAnswers {
    /** Settings of the common converter that this one obeys, but does not read: the fields that hold them. */
    private static final Map<String, String> SWITCHES = Map.of("scrub.invalid.names", "scrubInvalidNames",
        "generalized.sum.type.support", "generalizedSumTypeSupport", "ignore.default.for.nullables", "ignoreDefaultForNullables",
        "discard.type.doc.default", "discardTypeDocDefault", "allow.optional.map.keys", "allowOptionalMapKey");

    static JsonNode convert(Map<String, String> config, String op, JsonNode in) throws Exception {
        AvroData data = new AvroData(new AvroDataConfig(config));
        for (Map.Entry<String, String> e : SWITCHES.entrySet()) {
            if (!config.containsKey(e.getKey())) continue;
            Field f = AvroData.class.getDeclaredField(e.getValue());
            f.setAccessible(true);
            f.setBoolean(data, Boolean.parseBoolean(config.get(e.getKey())));
        }
        return op.equals("fromConnectData") ? write(data, in) : read(data, in);
    }

    private static JsonNode write(AvroData data, JsonNode in) throws Exception {
        org.apache.kafka.connect.data.Schema s = Recorder.input(() -> Values.schema(in.path("schema")));
        Object given = Recorder.input(() -> Values.value(s, in.path("value")));
        Schema avro = data.fromConnectSchema(s);
        Object v = data.fromConnectData(s, given);
        if (v instanceof NonRecordContainer) v = ((NonRecordContainer) v).getValue();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        new GenericDatumWriter<Object>(avro).write(v, encoder);
        encoder.flush();
        ObjectNode o = Values.JSON.objectNode();
        o.set("avroSchema", Recorder.MAPPER.readTree(avro.toString()));
        return o.put("hex", HexFormat.of().formatHex(out.toByteArray()));
    }

    private static JsonNode read(AvroData data, JsonNode in) throws Exception {
        Schema avro = new Schema.Parser().parse(Recorder.MAPPER.writeValueAsString(in.path("avroSchema")));
        byte[] raw = HexFormat.of().parseHex(in.path("hex").asText());
        Object v = new GenericDatumReader<Object>(avro).read(null, DecoderFactory.get().binaryDecoder(raw, null));
        return Values.both(data.toConnectData(avro, v instanceof Utf8 ? v.toString() : v));
    }
}

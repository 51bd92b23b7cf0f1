import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

/**
 * Writes record batches as Kafka's own classes make them, and what those classes read
 * in them, one JSON object a line. With kafka-clients 4.3.1 and its compression
 * libraries on the class path:
 *
 *   java -cp 'jars/*' RecordBatches.java > recordbatches.jsonl
 */
public class RecordBatches {
    static final Header[] HEADERS = {
        new RecordHeader("trace", "0af7651916cd43dd".getBytes()), new RecordHeader("none", null), new RecordHeader("", new byte[0])};

    static final int SHOWN = 10; // records of a case that are written out

    static List<SimpleRecord> records() {
        byte[] large = new byte[4_000];
        for (int i = 0; i < large.length; i++) large[i] = (byte) (i % 251);
        return List.of(
            new SimpleRecord(1_700_000_000_000L, "k1".getBytes(), "first".getBytes()),
            new SimpleRecord(1_700_000_000_007L, (byte[]) null, "no key".getBytes()),
            new SimpleRecord(1_699_999_999_000L, "tombstone, earlier".getBytes(), null),
            new SimpleRecord(1_700_000_086_400_000L, new byte[0], new byte[0]),
            new SimpleRecord(1_700_000_000_100L, "h".getBytes(), "headers".getBytes(), HEADERS),
            new SimpleRecord(1_700_000_000_101L, "large".getBytes(), large));
    }

    public static void main(String[] args) {
        Compression[] codecs = {Compression.NONE, Compression.gzip().build(), Compression.snappy().build(), Compression.lz4().build(), Compression.zstd().build()};
        for (Compression c : codecs) {
            print("format 2, " + c.type().name, build((byte) 2, c, TimestampType.CREATE_TIME, 1000, records()));
        }
        print("log append time", build((byte) 2, Compression.NONE, TimestampType.LOG_APPEND_TIME, 5, records()));
        print("without timestamps", build((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 0, List.of(
            new SimpleRecord(-1L, (byte[]) null, "none".getBytes()), new SimpleRecord(1_700_000_000_000L, (byte[]) null, "one".getBytes()))));
        List<SimpleRecord> same = new ArrayList<>();
        for (int i = 0; i < 30_000; i++) same.add(new SimpleRecord(1_700_000_000_000L, (byte[]) null, (byte[]) null));
        print("30000 equal records, zstd", build((byte) 2, Compression.zstd().build(), TimestampType.CREATE_TIME, 0, same));

        ByteBuffer txn = ByteBuffer.allocate(1 << 16);
        txn.put(MemoryRecords.withTransactionalRecords(0L, Compression.lz4().build(), 7L, (short) 0, 0, 0, new SimpleRecord("aborted".getBytes())).buffer());
        txn.put(MemoryRecords.withTransactionalRecords(1L, Compression.NONE, 8L, (short) 0, 0, 0, new SimpleRecord("committed".getBytes())).buffer());
        txn.put(MemoryRecords.withEndTransactionMarker(2L, 1_700_000_000_000L, 0, 7L, (short) 0, new EndTransactionMarker(ControlRecordType.ABORT, 1)).buffer());
        txn.put(MemoryRecords.withTransactionalRecords(3L, Compression.NONE, 7L, (short) 0, 1, 0, new SimpleRecord("committed later".getBytes())).buffer());
        txn.put(MemoryRecords.withEndTransactionMarker(4L, 1_700_000_000_000L, 0, 8L, (short) 0, new EndTransactionMarker(ControlRecordType.COMMIT, 1)).buffer());
        txn.put(MemoryRecords.withEndTransactionMarker(5L, 1_700_000_000_000L, 0, 7L, (short) 0, new EndTransactionMarker(ControlRecordType.COMMIT, 1)).buffer());
        txn.flip();
        print("transactions", txn);

        ByteBuffer compacted = ByteBuffer.allocate(1 << 10);
        DefaultRecordBatch.writeEmptyHeader(compacted, (byte) 2, 9L, (short) 0, 0, 10L, 19L, 0, TimestampType.CREATE_TIME, 1_700_000_000_000L, false, false);
        compacted.put(build((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 20, List.of(new SimpleRecord(1_700_000_000_000L, null, "behind".getBytes()))));
        compacted.flip();
        print("empty batch", compacted);

        List<SimpleRecord> old = new ArrayList<>();
        for (SimpleRecord r : records()) old.add(new SimpleRecord(r.timestamp(), r.key(), r.value()));
        print("format 0, none", build((byte) 0, Compression.NONE, TimestampType.CREATE_TIME, 50, old));
        print("format 0, gzip", build((byte) 0, Compression.gzip().build(), TimestampType.CREATE_TIME, 50, old));
        print("format 1, none", build((byte) 1, Compression.NONE, TimestampType.CREATE_TIME, 50, old));
        print("format 1, snappy", build((byte) 1, Compression.snappy().build(), TimestampType.CREATE_TIME, 50, old));
    }

    static ByteBuffer build(byte magic, Compression codec, TimestampType type, long first, List<SimpleRecord> records) {
        MemoryRecordsBuilder b = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), magic, codec, type, first, 1_800_000_000_000L);
        for (SimpleRecord r : records) b.append(r);
        return b.build().buffer();
    }

    static void print(String name, ByteBuffer buffer) {
        byte[] raw = new byte[buffer.remaining()];
        buffer.get(raw);
        StringBuilder out = new StringBuilder("{\"name\":\"" + name + "\",\"bytes\":\"" + Base64.getEncoder().encodeToString(raw) + "\",\"records\":[");
        String comma = "";
        int count = 0;
        for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(raw)).batches()) {
            if (batch.isControlBatch()) continue;
            for (org.apache.kafka.common.record.internal.Record r : batch) {
                if (++count > SHOWN) continue;
                out.append(comma).append("{\"offset\":" + r.offset() + ",\"timestamp\":" + r.timestamp() + ",\"key\":" + bytes(r.key()) + ",\"value\":" + bytes(r.value()) + ",\"headers\":[");
                String c = "";
                for (Header h : r.headers()) {
                    out.append(c).append("{\"key\":\"" + h.key() + "\",\"value\":" + bytes(h.value() == null ? null : ByteBuffer.wrap(h.value())) + "}");
                    c = ",";
                }
                out.append("]}");
                comma = ",";
            }
        }
        System.out.println(out.append("],\"count\":" + count + "}"));
    }

    static String bytes(ByteBuffer b) {
        if (b == null) return "null";
        byte[] raw = new byte[b.remaining()];
        b.get(raw);
        return "\"" + Base64.getEncoder().encodeToString(raw) + "\"";
    }
}

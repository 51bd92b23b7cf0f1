import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;
import java.util.TreeSet;

/**
 * Has this JDK read and write what TestAnswers of package charset reads and writes, all of it made from a
 * seed: "Answers SEED" prints the SHA-256 of the answers of each charset and its names,
 * "Answers SEED CHARSET" the answers of one.
 */
final class Answers {
    /** Java's encoders leave these in the middle of a double byte; we do not, so they get what they can write. */
    private static final Set<String> SHIFTING = Set.of("ISO-2022-KR", "x-IBM930", "x-IBM933", "x-IBM935", "x-IBM937", "x-IBM939", "x-IBM1364");
    private static final String[] PARTS = {"\033$B", "\033$(D", "\033(B", "\033(I", "\033(J", "\033$@", "\033$)C", "\033$(", "\033N", "\033",
        "\016", "\017", "\u008e", "\u008f", "\u0080", "\u00ff", "\n"};

    private static final String[] MARKS = {"\u00fe\u00ff", "\u00ff\u00fe", "\0\0\u00fe\u00ff", "\u00ff\u00fe\0\0"};

    private final Charset charset;
    private final MessageDigest digest;
    private final PrintStream lines;
    private long state;

    private Answers(Charset charset, long seed, PrintStream lines) throws Exception {
        this.charset = charset;
        this.state = seed;
        this.lines = lines;
        this.digest = MessageDigest.getInstance("SHA-256");
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16));
        long seed = Long.parseLong(args[0]);
        if (args.length > 1) {
            new Answers(Charset.forName(args[1]), seed, out).run();
        } else {
            out.println("java " + System.getProperty("java.vendor") + " " + System.getProperty("java.version"));
            for (Charset charset : Charset.availableCharsets().values()) {
                String digest = charset.canEncode() ? new Answers(charset, seed, null).run() : "-";
                out.println(digest + " " + charset.name() + " " + String.join(" ", new TreeSet<>(charset.aliases())));
            }
        }
        out.flush();
    }

    private String run() {
        for (int i = 0; i < 0x100; i++) {
            read(new byte[] {(byte) i});
        }
        for (int i = 0; i < 0x10000; i++) {
            read(new byte[] {(byte) (i >> 8), (byte) i});
        }
        byte[] nothing = new String(Character.toChars(0x10ffff)).getBytes(charset);
        int[] known = new int[0x30000];
        int n = 0;
        for (int c = 0; c < 0x30000; c++) {
            if (c >= 0xd800 && c < 0xe000 || c >= 0x10000 && c < 0x20000) {
                continue;
            }
            if (!Arrays.equals(write(new String(Character.toChars(c))), nothing)) {
                known[n++] = c;
            }
        }
        for (int i = 0; i < 3000; i++) {
            read(bytes());
        }
        for (int i = 0; i < 3000; i++) {
            write(text(known, n));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private void read(byte[] bytes) {
        put(bytes, new String(bytes, charset).getBytes(StandardCharsets.UTF_8));
    }

    private byte[] write(String text) {
        byte[] bytes = text.getBytes(charset);
        put(text.getBytes(StandardCharsets.UTF_8), bytes);
        return bytes;
    }

    private void put(byte[] question, byte[] answer) {
        if (lines != null) {
            lines.println(HexFormat.of().formatHex(question) + " " + HexFormat.of().formatHex(answer));
        }
        digest.update(answer);
        digest.update((byte) '\n');
    }

    private int next(int n) {
        state = state * 6364136223846793005L + 1442695040888963407L;
        return (int) ((state >>> 33) % n);
    }

    private byte[] bytes() {
        StringBuilder b = new StringBuilder(next(8) == 0 ? MARKS[next(MARKS.length)] : "");
        for (int i = next(16); i >= 0; i--) {
            switch (next(8)) {
                case 0 -> b.append((char) (0x20 + next(0x60)));
                case 1 -> b.append((char) next(0x100));
                case 2 -> b.append((char) (0x81 + next(0x7e))).append((char) (0x30 + next(10)));
                case 3, 4 -> b.append(PARTS[next(PARTS.length)]);
                case 5 -> b.append((char) (0x21 + next(0x5e))).append((char) (0x21 + next(0x5e)));
                default -> b.append((char) (0x81 + next(0x7e))).append((char) (0x40 + next(0xbf)));
            }
        }
        return b.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private String text(int[] known, int n) {
        StringBuilder b = new StringBuilder();
        for (int i = next(12); i >= 0; i--) {
            int c = switch (next(4)) {
                case 0 -> 0x20 + next(0x60);
                case 1 -> next(0x30000);
                default -> known[next(n)];
            };
            boolean isKnown = Arrays.binarySearch(known, 0, n, c) >= 0;
            b.appendCodePoint(c >= 0xd800 && c < 0xe000 || SHIFTING.contains(charset.name()) && !isKnown ? '\n' : c);
        }
        return b.toString();
    }
}

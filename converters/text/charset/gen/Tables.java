import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.TreeSet;

/**
 * Writes what this JDK makes of single characters, for the generator beside this file.
 * Each argument is a charset's name and what stands before one or two bytes, in hexadecimal, or
 * "four" for the four bytes of GB18030: "EUC-JP,,8f". The name "*" is every charset of single
 * bytes. The lines are "charset NAME ALIASES… = REPLACEMENT", "d BYTES CODEPOINT" and "e CODEPOINT
 * BYTES".
 */
final class Tables {
    private static final PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16));
    private static final HexFormat hex = HexFormat.of();

    public static void main(String[] args) {
        out.println("java " + System.getProperty("java.vendor") + " " + System.getProperty("java.version"));
        for (String arg : args) {
            String[] parts = arg.split(",", -1);
            if (!parts[0].equals("*")) {
                write(Charset.forName(parts[0]), parts);
                continue;
            }
            for (Charset charset : Charset.availableCharsets().values()) {
                if (charset.canEncode() && charset.newEncoder().maxBytesPerChar() == 1
                    && charset != StandardCharsets.US_ASCII && charset != StandardCharsets.ISO_8859_1) {
                    write(charset, parts);
                }
            }
        }
        out.flush();
    }

    private static void write(Charset charset, String[] parts) {
        out.println("charset " + charset.name() + " " + String.join(" ", new TreeSet<>(charset.aliases()))
            + " = " + hex.formatHex(charset.newEncoder().replacement()));
        CharsetDecoder decoder = charset.newDecoder().onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT);
        for (int i = 1; i < parts.length; i++) {
            if (parts[i].equals("four")) {
                four(decoder);
            } else {
                decode(decoder, hex.parseHex(parts[i]));
            }
        }
        encode(charset);
    }

    private static void four(CharsetDecoder decoder) {
        for (int i = 0; i < 0x10000; i++) {
            byte[] bytes = {(byte) (0x81 + i / 12600), (byte) (0x30 + i / 1260 % 10), (byte) (0x81 + i / 10 % 126), (byte) (0x30 + i % 10)};
            String text = text(decoder, bytes);
            if (text != null) {
                out.println("d " + hex.formatHex(bytes) + " " + Integer.toHexString(text.codePointAt(0)));
            }
        }
    }

    private static void decode(CharsetDecoder decoder, byte[] before) {
        for (int lead = 0; lead < 256; lead++) {
            byte[] one = {(byte) lead};
            String single = before.length > 0 ? null : text(decoder, one);
            if (single != null && single.codePointCount(0, single.length()) == 1) {
                out.println("d " + hex.formatHex(one) + " " + Integer.toHexString(single.codePointAt(0)));
                continue;
            }
            for (int trail = 0; trail < 256; trail++) {
                byte[] bytes = Arrays.copyOf(before, before.length + 2);
                bytes[before.length] = (byte) lead;
                bytes[before.length + 1] = (byte) trail;
                String pair = text(decoder, bytes);
                if (pair != null && pair.codePointCount(0, pair.length()) == 1) {
                    out.println("d " + hex.formatHex(bytes) + " " + Integer.toHexString(pair.codePointAt(0)));
                }
            }
        }
    }

    private static void encode(Charset charset) {
        CharsetEncoder encoder = charset.newEncoder().onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT);
        for (int c = 0; c < 0x30000; c++) {
            if (c >= 0xd800 && c < 0xe000) {
                continue;
            }
            try {
                ByteBuffer bytes = encoder.encode(CharBuffer.wrap(Character.toChars(c)));
                byte[] raw = new byte[bytes.remaining()];
                bytes.get(raw);
                out.println("e " + Integer.toHexString(c) + " " + hex.formatHex(raw));
            } catch (CharacterCodingException e) {
                // not in this charset
            }
        }
    }

    private static String text(CharsetDecoder decoder, byte[] bytes) {
        try {
            return decoder.decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }
}

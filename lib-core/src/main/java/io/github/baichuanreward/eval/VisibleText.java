package io.github.baichuanreward.eval;

/**
 * Text of a data set, made fit for a page: every character is valid in XML and HTML, and what would
 * be invisible there, or would show the others in another order than the model read them, has a
 * visible sign instead.
 *
 * <p>Newlines and tabs stay, {@code \r\n} becomes {@code \n}. Control characters become their
 * number, such as ⟨U+0000⟩, for few fonts have Unicode's pictures of them; so do the controls that
 * embed, override or isolate a direction of writing, but not the marks that right-to-left text
 * needs. Half a surrogate pair becomes the replacement character.
 */
final class VisibleText {

    private static final char REPLACEMENT = '\uFFFD';

    private VisibleText() {}

    static String of(String text) {
        StringBuilder out = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); ) {
            int character = text.codePointAt(i);
            i += Character.charCount(character);
            if (character != '\r' || i == text.length() || text.charAt(i) != '\n') {
                append(out, character);
            }
        }
        return out.toString();
    }

    /** The first characters of a text, on one line, with an ellipsis if there are more. */
    static String start(String text, int characters) {
        String line = line(text);
        return length(line) <= characters ? line : first(line, characters) + "…";
    }

    /**
     * The same without the middle: of names that begin alike the ends tell which is which.
     *
     * @param characters all that are left; 20 of them are the last ones
     */
    static String withoutMiddle(String text, int characters) {
        String line = line(text);
        int length = length(line);
        if (length <= characters) {
            return line;
        }
        int end = line.offsetByCodePoints(0, length - 20);
        return first(line, characters - 20) + "…" + line.substring(end);
    }

    private static String line(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }

    private static int length(String line) {
        return line.codePointCount(0, line.length());
    }

    private static String first(String line, int characters) {
        return line.substring(0, line.offsetByCodePoints(0, characters));
    }

    private static void append(StringBuilder out, int character) {
        if (character == '\n' || character == '\t') {
            out.append((char) character);
        } else if (Character.isISOControl(character) || turnsText(character)) {
            out.append(String.format("⟨U+%04X⟩", character));
        } else if (isInvalid(character)) {
            out.append(REPLACEMENT);
        } else {
            out.appendCodePoint(character);
        }
    }

    /** Embeddings, overrides, isolates and their ends. */
    private static boolean turnsText(int character) {
        return (character >= 0x202A && character <= 0x202E)
                || (character >= 0x2066 && character <= 0x2069);
    }

    private static boolean isInvalid(int character) {
        return (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE)
                || character == 0xFFFE
                || character == 0xFFFF;
    }
}

package io.github.baichuanreward.eval;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Writes elements, attributes and text that mean the same to a parser of HTML and to one of XML.
 *
 * <p>Everything but {@link #raw} is escaped and goes through {@link VisibleText}, whoever wrote it:
 * so no text of a data set can become markup.
 */
final class Markup {

    private final StringBuilder out = new StringBuilder(1 << 16);
    private final Deque<String> open = new ArrayDeque<>();

    /**
     * Begins an element.
     *
     * @param attributes names and values in turn
     */
    Markup open(String tag, String... attributes) {
        begin(tag, attributes);
        out.append('>');
        open.push(tag);
        return this;
    }

    /** Ends the innermost element that is open. */
    Markup close() {
        out.append("</").append(open.pop()).append('>');
        return this;
    }

    /** Ends as many. */
    Markup close(int elements) {
        for (int i = 0; i < elements; i++) {
            close();
        }
        return this;
    }

    /** An element that holds a text. */
    Markup element(String tag, String text, String... attributes) {
        return open(tag, attributes).text(text).close();
    }

    /** An element without content: one of SVG, or one that HTML knows as void, such as meta. */
    Markup empty(String tag, String... attributes) {
        begin(tag, attributes);
        out.append("/>");
        return this;
    }

    Markup text(String text) {
        String visible = VisibleText.of(text);
        for (int i = 0; i < visible.length(); i++) {
            escape(visible.charAt(i));
        }
        return this;
    }

    /** Writes what is markup already, and ours. */
    Markup raw(String markup) {
        out.append(markup);
        return this;
    }

    /** A newline for those who read the source. */
    Markup newline() {
        out.append('\n');
        return this;
    }

    /** Everything written so far. */
    @Override
    public String toString() {
        if (!open.isEmpty()) {
            throw new AssertionError("still open: " + open);
        }
        return out.toString();
    }

    private void begin(String tag, String... attributes) {
        out.append('<').append(tag);
        for (int i = 0; i < attributes.length; i += 2) {
            out.append(' ').append(attributes[i]).append("=\"");
            attribute(attributes[i + 1]);
            out.append('"');
        }
    }

    private void attribute(String value) {
        String visible = VisibleText.of(value);
        for (int i = 0; i < visible.length(); i++) {
            char character = visible.charAt(i);
            if (character == '\n' || character == '\t') {
                // XML would read a space.
                out.append("&#").append((int) character).append(';');
            } else {
                escape(character);
            }
        }
    }

    private void escape(char character) {
        switch (character) {
            case '&' -> out.append("&amp;");
            case '<' -> out.append("&lt;");
            case '>' -> out.append("&gt;");
            case '"' -> out.append("&quot;");
            case '\'' -> out.append("&#39;");
            default -> out.append(character);
        }
    }
}

package io.github.baichuanreward.rows;

import java.io.IOException;
import java.io.InputStream;

/**
 * Reads the elements of one JSON array without holding the array.
 *
 * <p>Only looks for where an element ends: brackets and commas outside strings. Whether the element
 * is JSON is found out when it is parsed.
 */
final class JsonArrayReader extends RowReader {

    private enum State {
        BEFORE_ARRAY,
        BEFORE_FIRST,
        AFTER_ELEMENT,
        AFTER_ARRAY
    }

    private State state = State.BEFORE_ARRAY;

    JsonArrayReader(InputStream in) {
        super(in);
    }

    @Override
    long nextText() throws IOException, RowException {
        if (state == State.BEFORE_ARRAY) {
            if (skipSpace() != '[') {
                throw new RowException(
                        line(),
                        "a .json file holds one array of rows, [...]; for one row per line use .jsonl");
            }
            read();
            state = State.BEFORE_FIRST;
        }
        if (state == State.AFTER_ARRAY || (skipSpace() == ']')) {
            endArray();
            return 0;
        }
        if (state == State.AFTER_ELEMENT) {
            if (peek() != ',') {
                throw new RowException(line(), "expected a comma or ] after a row" + atEnd());
            }
            read();
            skipSpace();
        }
        if (peek() == END || peek() == ',' || peek() == ']') {
            throw new RowException(line(), "expected a row" + atEnd());
        }
        long firstLine = line();
        readElement();
        state = State.AFTER_ELEMENT;
        return firstLine;
    }

    private void endArray() throws IOException, RowException {
        if (state != State.AFTER_ARRAY) {
            read();
            state = State.AFTER_ARRAY;
        }
        if (skipSpace() != END) {
            throw new RowException(line(), "there is more after the array's closing ]");
        }
    }

    private void readElement() throws IOException, RowException {
        long firstLine = line();
        startRow();
        int depth = 0;
        boolean string = false;
        do {
            int b = read();
            if (b == END) {
                throw new RowException(firstLine, "the file ends inside this row");
            }
            keep(b);
            if (b == '"') {
                string = !string;
            } else if (string && b == '\\' && peek() != END) {
                keep(read());
            } else if (!string && (b == '{' || b == '[')) {
                depth++;
            } else if (!string && (b == '}' || b == ']')) {
                depth--;
            }
        } while (depth > 0 || string || !ends(peek()));
    }

    /** True if {@code next}, outside strings and brackets, is no part of the element before it. */
    private static boolean ends(int next) {
        return next == ',' || next == ']' || next == END || isSpace(next);
    }

    private int skipSpace() throws IOException {
        while (isSpace(peek())) {
            read();
        }
        return peek();
    }

    private String atEnd() throws IOException {
        return peek() == END ? ", but the file ends" : "";
    }
}

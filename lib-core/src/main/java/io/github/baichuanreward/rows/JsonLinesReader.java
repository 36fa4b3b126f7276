package io.github.baichuanreward.rows;

import java.io.IOException;
import java.io.InputStream;

/** Reads one row per line; lines end in LF or CR LF, and blank ones are skipped. */
final class JsonLinesReader extends RowReader {

    JsonLinesReader(InputStream in) {
        super(in);
    }

    @Override
    long nextText() throws IOException {
        while (peek() != END) {
            long firstLine = line();
            startRow();
            for (int b = read(); b != END && b != '\n'; b = read()) {
                keep(b);
            }
            if (!isBlank()) {
                return firstLine;
            }
        }
        return 0;
    }
}

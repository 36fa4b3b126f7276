package io.github.baichuanreward.cli;

import java.util.Locale;

/** How rows stand in a file. */
enum RowFormat {
    /** One JSON object per line; blank lines mean nothing. */
    JSON_LINES,
    /** One JSON array of objects. */
    JSON_ARRAY;

    /**
     * The format that a file's name asks for; {@code -} is JSON lines.
     *
     * @throws UsageException if the name ends in nothing known; says what is
     */
    static RowFormat of(String file) {
        String name = file.toLowerCase(Locale.ROOT);
        if (name.equals("-") || name.endsWith(".jsonl")) {
            return JSON_LINES;
        }
        if (name.endsWith(".json")) {
            return JSON_ARRAY;
        }
        throw new UsageException(
                file + ": unknown kind of file; use .jsonl, .json, or - for JSON lines");
    }
}

package io.github.baichuanreward.rows;

import java.util.Locale;

/** How rows stand in a file. */
public enum RowFormat {
    /** One JSON object per line; blank lines mean nothing. */
    JSON_LINES,
    /** One JSON array of objects. */
    JSON_ARRAY,
    /** A table; commas between the cells. */
    CSV,
    /** The same with tabs. */
    TSV;

    private static final String TABLES = "com.fasterxml.jackson.dataformat.csv.CsvFactory";

    /**
     * The format that a file's name asks for; {@code -} is JSON lines.
     *
     * @throws IllegalArgumentException if the name ends in nothing known; says what is
     */
    public static RowFormat of(String file) {
        String name = file.toLowerCase(Locale.ROOT);
        if (name.equals("-") || name.endsWith(".jsonl")) {
            return JSON_LINES;
        }
        if (name.endsWith(".json")) {
            return JSON_ARRAY;
        }
        if (name.endsWith(".csv")) {
            return CSV;
        }
        if (name.endsWith(".tsv")) {
            return TSV;
        }
        throw new IllegalArgumentException(
                file
                        + ": unknown kind of file; use .jsonl, .json, .csv, .tsv, or - for JSON lines");
    }

    /**
     * Makes sure that files of this format can be read and written here.
     *
     * @throws IllegalStateException if a library is missing that an application need not have;
     *     names it
     */
    public void requireLibrary() {
        if (this != CSV && this != TSV) {
            return;
        }
        try {
            Class.forName(TABLES, false, RowFormat.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(
                    ".csv and .tsv files need com.fasterxml.jackson.dataformat:jackson-dataformat-csv,"
                            + " which is not on the class path; add it, or use .jsonl",
                    e);
        }
    }

    /** What stands between the cells of a table. */
    char separator() {
        return switch (this) {
            case CSV -> ',';
            case TSV -> '\t';
            case JSON_LINES, JSON_ARRAY -> throw new AssertionError(this + " has no cells");
        };
    }
}

package io.github.baichuanreward.benchmarks.results;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is shown of a kind of result: an entry of {@code benchmarks/subjects.json}, in which the
 * order is that of the page.
 *
 * @param kind of the results; one that ends with {@code *} stands for all that begin so and that no
 *     entry before has
 * @param title heading
 * @param command what writes such a result
 * @param about what is measured, and how: a paragraph
 * @param parts tables
 */
record Subject(String kind, String title, String command, String about, List<Part> parts) {

    /**
     * A table, and a chart of it.
     *
     * @param title what stands above the table; empty for nothing
     * @param section see {@link ResultFile#table}
     * @param number the section's table, from 1; 0 where it is left out
     * @param where rows that are shown; see {@link Table#select}
     * @param columns columns that are shown, with the names that they get
     * @param optional whether results may lack it
     * @param chart null for none
     */
    record Part(
            @Nullable String title,
            @Nullable String section,
            int number,
            @Nullable Map<String, List<String>> where,
            @Nullable Map<String, String> columns,
            boolean optional,
            @Nullable Chart chart) {

        /** Whether a result has to show it, or can. */
        boolean isIn(ResultFile result) {
            return !optional || result.tables().containsKey(section == null ? "" : section);
        }

        /** The table as it is shown. */
        Table of(ResultFile result) {
            return measured(result)
                    .table()
                    .select(where == null ? Map.of() : where, columns == null ? Map.of() : columns);
        }

        /** The whole table. */
        ResultFile.Measured measured(ResultFile result) {
            return result.table(section == null ? "" : section, Math.max(1, number));
        }
    }

    /**
     * Bars, of columns that are shown.
     *
     * @param name ends the file's name
     * @param title says what a bar's length is, and whether long or short is good
     * @param where rows that are drawn; all where it is left out
     * @param groups whose cells bars are grouped by; null for one group
     * @param bars whose cells name bars; null where {@code values} do
     * @param values columns of numbers
     */
    record Chart(
            String name,
            String title,
            @Nullable Map<String, List<String>> where,
            @Nullable String groups,
            @Nullable String bars,
            List<String> values) {}

    /** Whether results of a kind are this subject's. */
    boolean has(String resultKind) {
        return kind.endsWith("*")
                ? resultKind.startsWith(kind.substring(0, kind.length() - 1))
                : resultKind.equals(kind);
    }

    /**
     * Reads them.
     *
     * @throws IllegalArgumentException if the file is not such a list
     * @throws IOException if it cannot be read
     */
    static List<Subject> read(Path file) throws IOException {
        String json = Files.readString(file);
        try {
            return List.of(new ObjectMapper().readValue(json, Subject[].class));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file.getFileName() + ": " + e.getMessage(), e);
        }
    }
}

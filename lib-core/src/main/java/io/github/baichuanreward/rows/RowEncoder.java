package io.github.baichuanreward.rows;

import com.fasterxml.jackson.dataformat.csv.CsvFactory;
import com.fasterxml.jackson.dataformat.csv.CsvGenerator;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns rows into the bytes of a file, one after another, with all that must stand before, between
 * and behind them.
 */
public final class RowEncoder {

    private static final CsvFactory CSV =
            CsvFactory.builder().enable(CsvGenerator.Feature.STRICT_CHECK_FOR_QUOTING).build();

    private final RowFormat format;
    private List<String> columns = List.of();
    private boolean empty = true;

    /** An encoder at the beginning of a file. */
    public RowEncoder(RowFormat format) {
        this.format = format;
    }

    /**
     * The bytes that the next row adds to the file.
     *
     * @param results JSON values by name, for {@link Row#with}
     * @throws RowException if the row does not fit into the file: into a table goes no field that
     *     its first row did not have, and no half of a character
     */
    public byte[] row(Row row, Map<String, String> results) throws RowException {
        String text =
                switch (format) {
                    case JSON_LINES -> row.with(results) + "\n";
                    case JSON_ARRAY -> (empty ? "[\n" : ",\n") + row.with(results);
                    case CSV, TSV -> table(row, results);
                };
        empty = false;
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /**
     * The bytes that end the file.
     *
     * @param columnsWithoutRows those that a table names although it has no rows
     */
    public byte[] end(List<String> columnsWithoutRows) {
        String text =
                switch (format) {
                    case JSON_LINES -> "";
                    case JSON_ARRAY -> empty ? "[]\n" : "\n]\n";
                    case CSV, TSV ->
                            empty && !columnsWithoutRows.isEmpty() ? line(columnsWithoutRows) : "";
                };
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private String table(Row row, Map<String, String> results) throws RowException {
        Map<String, String> cells = new LinkedHashMap<>(row.cells());
        results.forEach((name, json) -> cells.put(name, JsonRow.cell(json)));
        StringBuilder text = new StringBuilder();
        if (empty) {
            columns = List.copyOf(cells.keySet());
            text.append(line(columns));
        }
        requireColumns(row, cells);
        List<String> inOrder = new ArrayList<>(columns.size());
        for (String column : columns) {
            inOrder.add(cells.getOrDefault(column, ""));
        }
        text.append(line(inOrder));
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new RowException(
                    row.line(),
                    "half of a character (a lone surrogate) cannot go into a %s file; write .jsonl"
                            .formatted(extension()));
        }
        return text.toString();
    }

    private void requireColumns(Row row, Map<String, String> cells) throws RowException {
        for (String name : cells.keySet()) {
            if (!columns.contains(name)) {
                throw new RowException(
                        row.line(),
                        ("field \"%s\" has no column: a %s file has those of its first row, %s; give"
                                        + " all rows the same fields, or write .jsonl")
                                .formatted(name, extension(), CellRow.list(columns)));
            }
        }
    }

    private String extension() {
        return format == RowFormat.CSV ? ".csv" : ".tsv";
    }

    private String line(List<String> cells) {
        StringWriter line = new StringWriter();
        try (CsvGenerator generator = CSV.createGenerator(line)) {
            generator.setSchema(
                    CsvSchema.emptySchema()
                            .withColumnSeparator(format.separator())
                            .withLineSeparator("\n"));
            generator.writeStartArray();
            for (String cell : cells) {
                generator.writeString(cell);
            }
            generator.writeEndArray();
        } catch (IOException e) {
            throw new AssertionError("writing to a string failed", e);
        }
        return line.toString();
    }
}

package io.github.baichuanreward.rows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.csv.CsvFactory;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Reads the rows of a table, whose first row names the columns.
 *
 * <p>A cell in quotes may hold separators, line ends and, doubled, quotes. Rows end in LF or CR LF;
 * empty lines between them are skipped. Only looks for where a row ends, which keeps its place and
 * whatever is wrong with it apart from its neighbours; the cells are the library's.
 */
final class DelimitedReader extends RowReader {

    /** Where a byte stands: only at a cell's beginning, or inside quotes, is a quote one. */
    private enum Place {
        CELL_BEGINS,
        PLAIN,
        QUOTED,
        QUOTE_CLOSED
    }

    private static final CsvFactory CSV =
            CsvFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxStringLength(Integer.MAX_VALUE)
                                    .build())
                    .build();

    /** What spreadsheets put between cells where a comma stands in numbers, and the like. */
    private static final Pattern OTHER_SEPARATORS = Pattern.compile("[;,\\t|]");

    private final char separator;
    private final CsvSchema schema;
    private List<String> columns = List.of();

    DelimitedReader(InputStream in, char separator) {
        super(in);
        this.separator = separator;
        this.schema = CsvSchema.emptySchema().withColumnSeparator(separator);
    }

    @Override
    public List<String> columns() {
        return columns;
    }

    @Override
    long nextText() throws IOException, RowException {
        if (columns.isEmpty()) {
            long line = nextRecord();
            if (line == 0) {
                return 0;
            }
            columns = header(cells(decoded(line), line), line);
        }
        return nextRecord();
    }

    private List<String> header(List<String> names, long line) throws RowException {
        if (names.size() == 1 && OTHER_SEPARATORS.matcher(names.get(0)).find()) {
            throw new RowException(
                    line,
                    "the first row names one column only, %s; cells are separated by %s: save the file so"
                            .formatted(
                                    JsonRow.quote(names.get(0)),
                                    separator == ','
                                            ? "commas, in a .tsv file by tabs"
                                            : "tabs, in a .csv file by commas"));
        }
        Set<String> seen = new HashSet<>();
        for (String name : names) {
            if (!seen.add(name)) {
                throw new RowException(
                        line,
                        name.isEmpty()
                                ? "two columns have no name; the first row must name each"
                                : "two columns are named \"" + name + "\"; rename one");
            }
        }
        return List.copyOf(names);
    }

    private long nextRecord() throws IOException, RowException {
        while (peek() != END) {
            long line = line();
            if (readRecord(line)) {
                return line;
            }
        }
        return 0;
    }

    /** Collects the bytes up to a line end that no quotes enclose; false if there are none. */
    private boolean readRecord(long firstLine) throws IOException, RowException {
        startRow();
        boolean empty = true;
        Place place = Place.CELL_BEGINS;
        for (int b = read(); ; b = read()) {
            if (b == END && place == Place.QUOTED) {
                throw new RowException(
                        firstLine, "a cell of this row begins with a quote that is never closed");
            }
            if (place != Place.QUOTED) {
                if (b == END || b == '\n') {
                    return !empty;
                }
                if (b == '\r') {
                    requireLineFeed(firstLine);
                    continue;
                }
            }
            keep(b);
            empty = false;
            place = next(place, b);
        }
    }

    private void requireLineFeed(long firstLine) throws IOException, RowException {
        if (peek() != '\n' && peek() != END) {
            throw new RowException(
                    firstLine,
                    "a carriage return without a line feed; end rows in LF or CR LF, and put quotes"
                            + " around cells with line ends");
        }
    }

    private Place next(Place place, int b) {
        if (b == '"') {
            return switch (place) {
                case CELL_BEGINS, QUOTE_CLOSED -> Place.QUOTED;
                case QUOTED -> Place.QUOTE_CLOSED;
                case PLAIN -> Place.PLAIN;
            };
        }
        if (place == Place.QUOTED) {
            return place;
        }
        return b == separator ? Place.CELL_BEGINS : Place.PLAIN;
    }

    @Override
    Row parse(String text, long line) throws RowException {
        List<String> cells = cells(text, line);
        if (cells.size() != columns.size()) {
            throw new RowException(
                    line,
                    "%d %s, but the first row names %d %s: %s"
                            .formatted(
                                    cells.size(),
                                    cells.size() == 1 ? "cell" : "cells",
                                    columns.size(),
                                    columns.size() == 1 ? "column" : "columns",
                                    CellRow.list(columns)));
        }
        return CellRow.of(columns, cells, line);
    }

    private List<String> cells(String text, long line) throws RowException {
        List<String> cells = new ArrayList<>();
        try (CsvParser parser = CSV.createParser(text)) {
            parser.setSchema(schema);
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.VALUE_STRING) {
                    cells.add(parser.getText());
                }
            }
        } catch (JsonProcessingException e) {
            throw new RowException(
                    line,
                    "after cell %d's closing quote there is more; inside quotes write a quote twice"
                            .formatted(cells.size() + 1),
                    e);
        } catch (IOException e) {
            throw new AssertionError("reading from a string failed", e);
        }
        return cells;
    }
}

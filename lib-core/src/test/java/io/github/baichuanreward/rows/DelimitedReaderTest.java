package io.github.baichuanreward.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DelimitedReaderTest {

    @Test
    void readsQuotesSeparatorsAndLineEndsInCellsAndTellsWhereRowsBegin() throws Exception {
        String file =
                "\ufeffa,\"b \"\"c\"\"\",\"d,\r\ne\"\r\n"
                        + "1,\"x\n\n\"\"y\"\"\",\r\n"
                        + "\n\r\n"
                        + "\"\",5\" pipe, z \r\n"
                        + "\"\"\"\",\"a\"\"b\",\"\r\"";
        assertThat(rows(file, RowFormat.CSV))
                .containsExactly(
                        "3 {a=1, b \"c\"=x\n\n\"y\", d,\r\ne=}",
                        "8 {a=, b \"c\"=5\" pipe, d,\r\ne= z }",
                        "9 {a=\", b \"c\"=a\"b, d,\r\ne=\r}");
    }

    @Test
    void readsTabsWithTheSameQuotes() throws Exception {
        assertThat(rows("a\tb,c\n\t\n\"x\ty\"\t\"\"\"\"\n\\t\t,\n", RowFormat.TSV))
                .containsExactly("2 {a=, b,c=}", "3 {a=x\ty, b,c=\"}", "4 {a=\\t, b,c=,}");
    }

    @Test
    void findsNoRowsInNothingAndInAHeaderAlone() throws Exception {
        for (String file : List.of("", "\ufeff", "\n\r\n", "a,b", "a,b\n", "\ufeffa,b\r\n\r\n")) {
            assertThat(rows(file, RowFormat.CSV)).isEmpty();
        }
    }

    @Test
    void takesOneColumnWithoutAName() throws Exception {
        assertThat(rows(",a\n0,x\n", RowFormat.CSV)).containsExactly("2 {=0, a=x}");
    }

    @Test
    void doesNotCareHowTheBytesArrive() throws Exception {
        byte[] bytes = "\ufeffa,b\r\n\"中\"\"😀\",\"\r\n\"\r\n".getBytes(StandardCharsets.UTF_8);
        for (int size = 1; size <= bytes.length; size++) {
            int most = size;
            InputStream slow =
                    new ByteArrayInputStream(bytes) {
                        @Override
                        public synchronized int read(byte[] b, int offset, int length) {
                            return super.read(b, offset, Math.min(length, most));
                        }
                    };
            assertThat(rows(slow, RowFormat.CSV)).containsExactly("2 {a=中\"😀, b=\r\n}");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    a,b,a;x,y,z         | 1 | two columns are named "a"; rename one
                    ,b,;x,y,z           | 1 | two columns have no name; the first row must name each
                    a,b;"x;",y;z        | 4 | 1 cell, but the first row names 2 columns: "a", "b"
                    a,b;x,y;x,y,z       | 3 | 3 cells, but the first row names 2 columns: "a", "b"
                    a;x,                | 2 | 2 cells, but the first row names 1 column: "a"
                    a,b;x,"y;z,"";      | 2 | a cell of this row begins with a quote that is never closed
                    a,b;;x,"y"z;        | 3 | after cell 2's closing quote there is more; inside quotes write a quote twice
                    a,b;"x" "y,;z",w    | 2 | after cell 1's closing quote there is more; inside quotes write a quote twice
                    """)
    void saysWhichRowIsBroken(String file, long line, String reason) {
        RowReader reader = reader(bytes(file.replace(';', '\n')), RowFormat.CSV);
        RowException e = catchThrowableOfType(RowException.class, () -> readAll(reader));
        assertThat(e.reason()).isEqualTo(reason);
        assertThat(e.line()).isEqualTo(line);
    }

    @Test
    void refusesACarriageReturnThatEndsNoRow() {
        RowReader reader = reader(bytes("a,b\nx,y\rz,w\n"), RowFormat.CSV);
        RowException e = catchThrowableOfType(RowException.class, () -> readAll(reader));
        assertThat(e.line()).isEqualTo(2);
        assertThat(e.reason())
                .isEqualTo(
                        "a carriage return without a line feed; end rows in LF or CR LF, and put"
                                + " quotes around cells with line ends");
    }

    @Test
    void saysWhereABadByteIs() {
        RowReader reader =
                reader("a\nx\ncaf\u00e9\n".getBytes(StandardCharsets.ISO_8859_1), RowFormat.CSV);
        RowException e = catchThrowableOfType(RowException.class, () -> readAll(reader));
        assertThat(e.line()).isEqualTo(3);
        assertThat(e.reason())
                .isEqualTo("byte 4 of the row, 0xe9, is not UTF-8; save the file as UTF-8");
    }

    @Test
    void readsACellAsJsonForWhoeverAsks() throws Exception {
        String file = "a,b,c,d,e\n\" [\"\"x\"\", 2]\",5,[1],[oops], \n";
        Row row = Objects.requireNonNull(reader(bytes(file), RowFormat.CSV).next());
        assertThat(row.json("a").toString()).isEqualTo("[\"x\",2]");
        assertThat(row.json("b").textValue()).isEqualTo("5");
        assertThat(row.json("d").textValue()).isEqualTo("[oops]");
        assertThat(row.string("c")).isEqualTo("[1]");
        assertThat(row.history("e")).isEmpty();
        assertThat(row.history("none")).isEmpty();
        assertThatThrownBy(() -> row.history("d"))
                .hasMessage(
                        "\"d\" must be a JSON array of [prompt, answer] pairs, but is \"[oops]\"");
        assertThatThrownBy(() -> row.history("c"))
                .hasMessage("\"c\"[0] must be a [prompt, answer] pair, but is an integer");
        assertThatThrownBy(() -> row.json("none"))
                .hasMessageStartingWith("a row needs column \"none\"");
    }

    @Test
    void countsRowsWithoutTheHeader() throws Exception {
        assertThat(reader(bytes("a,b\n\"\n\n\",x\n\ny\n"), RowFormat.CSV).count()).isEqualTo(2);
        assertThat(reader(bytes("a,a\nx,y\n"), RowFormat.CSV).count()).isZero();
    }

    @Test
    void readsWhatItsWriterWrites() throws Exception {
        List<String> cells =
                List.of("", " ", "a,b\tc", "\"", "\r", "\n", "'#;", "中😀", "x".repeat(99));
        for (RowFormat format : List.of(RowFormat.CSV, RowFormat.TSV)) {
            List<String> columns = new ArrayList<>(cells);
            columns.set(1, "reward");
            RowEncoder encoder = new RowEncoder(format);
            byte[] file = encoder.row(CellRow.of(columns, cells, 1), Map.of("reward", "1.5"));
            Row read = Objects.requireNonNull(reader(file, format).next());
            assertThat(read.cells().keySet()).containsExactlyElementsOf(columns);
            List<String> scored = new ArrayList<>(cells);
            scored.set(1, "1.5");
            assertThat(read.cells().values()).containsExactlyElementsOf(scored);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static RowReader reader(byte[] file, RowFormat format) {
        return RowReader.of(new ByteArrayInputStream(file), format);
    }

    private static List<String> rows(String file, RowFormat format) throws Exception {
        return readAll(reader(bytes(file), format));
    }

    private static List<String> rows(InputStream file, RowFormat format) throws Exception {
        try (RowReader reader = RowReader.of(file, format)) {
            return readAll(reader);
        }
    }

    private static List<String> readAll(RowReader reader) throws Exception {
        List<String> rows = new ArrayList<>();
        for (Row row = reader.next(); row != null; row = reader.next()) {
            rows.add(row.line() + " " + row.cells());
        }
        return rows;
    }
}

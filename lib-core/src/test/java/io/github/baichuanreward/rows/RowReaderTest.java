package io.github.baichuanreward.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class RowReaderTest {

    private static final RowFormat LINES = RowFormat.JSON_LINES;
    private static final RowFormat ARRAY = RowFormat.JSON_ARRAY;

    @Test
    void readsLinesWithAnyLineEndAndSkipsBlankOnes() throws Exception {
        String file = "\ufeff{\"a\":1}\r\n\r\n  \t\n{\"b\":2}\n\n{\"c\":3}";
        assertThat(rows(file, LINES)).containsExactly("1 {\"a\":1}", "4 {\"b\":2}", "6 {\"c\":3}");
    }

    @Test
    void readsTheElementsOfAnArray() throws Exception {
        String file =
                "\ufeff\r\n[ {\"a\":\"],[\\\"\\\\\"},\n\n{\"b\":[{}, {\"c\":[]}]}\n ,{\"d\":\n4} ]\n ";
        assertThat(rows(file, ARRAY))
                .containsExactly(
                        "2 {\"a\":\"],[\\\"\\\\\"}", "4 {\"b\":[{}, {\"c\":[]}]}", "5 {\"d\": 4}");
    }

    @Test
    void findsNoRowsInNothing() throws Exception {
        assertThat(rows("", LINES)).isEmpty();
        assertThat(rows("\ufeff", LINES)).isEmpty();
        assertThat(rows(" \n", LINES)).isEmpty();
        assertThat(rows("[]", ARRAY)).isEmpty();
        assertThat(rows("\ufeff [ \n ] ", ARRAY)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(
            value = RowFormat.class,
            names = {"JSON_LINES", "JSON_ARRAY"})
    void doesNotCareHowTheBytesArrive(RowFormat format) throws Exception {
        String file = "\ufeff{\"a\":\"中😀\"}";
        file = format == ARRAY ? file.replace("{", "[{") + ",{\"b\":1}]" : file + "\n{\"b\":1}";
        byte[] bytes = file.getBytes(StandardCharsets.UTF_8);
        for (int size = 1; size <= bytes.length; size++) {
            int most = size;
            InputStream slow =
                    new ByteArrayInputStream(bytes) {
                        @Override
                        public synchronized int read(byte[] b, int offset, int length) {
                            return super.read(b, offset, Math.min(length, most));
                        }
                    };
            try (RowReader reader = RowReader.of(slow, format)) {
                assertThat(rows(reader)).hasSize(2).element(0).asString().contains("中😀");
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"a":1}         | 0 | 1 | a .json file holds one array of rows, [...]; for one row per line use .jsonl
                    ``              | 0 | 1 | a .json file holds one array of rows, [...]; for one row per line use .jsonl
                    [{"a":1}        | 1 | 1 | expected a comma or ] after a row, but the file ends
                    [{"a":1},       | 1 | 1 | expected a row, but the file ends
                    [{"a":1},]      | 1 | 1 | expected a row
                    [,{"a":1}]      | 0 | 1 | expected a row
                    [{"a":1} {}]    | 1 | 1 | expected a comma or ] after a row
                    [{"a":1},{"b":  | 1 | 1 | the file ends inside this row
                    [{"a":1},{"b":"]| 1 | 1 | the file ends inside this row
                    [{"a":1}] x     | 1 | 1 | there is more after the array's closing ]
                    [{"a":1}][      | 1 | 1 | there is more after the array's closing ]
                    [{"a":1},5]     | 1 | 1 | a row is an object, {...}, but this is an integer
                    [{"a":1},{]]    | 1 | 1 | not valid JSON at column 2: Unexpected close marker ']': expected '}'
                    """)
    void saysWhereAnArrayIsBroken(String file, int good, long line, String reason) {
        RowReader reader = reader(file.getBytes(StandardCharsets.UTF_8), ARRAY);
        List<String> rows = new ArrayList<>();
        RowException e = catchThrowableOfType(RowException.class, () -> readInto(rows, reader));
        assertThat(e.reason()).isEqualTo(reason);
        assertThat(e.line()).isEqualTo(line);
        assertThat(rows).hasSize(good);
    }

    @ParameterizedTest
    @EnumSource(
            value = RowFormat.class,
            names = {"JSON_LINES", "JSON_ARRAY"})
    void givesTheRowsBeforeABadByte(RowFormat format) {
        String file = "{\"a\":1}\n{\"b\":\"caf\u00e9\"}\n";
        file = format == ARRAY ? "[" + file.replace("}\n{", "},\n{") + "]" : file;
        RowReader reader = reader(file.getBytes(StandardCharsets.ISO_8859_1), format);
        List<String> rows = new ArrayList<>();
        RowException e = catchThrowableOfType(RowException.class, () -> readInto(rows, reader));
        assertThat(rows).hasSize(1);
        assertThat(e.line()).isEqualTo(2);
        assertThat(e.reason())
                .isEqualTo("byte 10 of the row, 0xe9, is not UTF-8; save the file as UTF-8");
    }

    @Test
    void refusesUtf16WithAWordAboutIt() {
        RowReader reader = reader("{\"a\":1}\n".getBytes(StandardCharsets.UTF_16), LINES);
        RowException e = catchThrowableOfType(RowException.class, reader::next);
        assertThat(e.reason()).contains("0xfe, is not UTF-8; save the file as UTF-8");
    }

    @Test
    void countsRowsUpToWhereTheyCannotBeToldApart() throws Exception {
        assertThat(reader(bytes("{}\n\n{}\nx\n"), LINES).count()).isEqualTo(3);
        assertThat(reader(bytes("[{},{},{}]"), ARRAY).count()).isEqualTo(3);
        assertThat(reader(bytes("[{},{},{"), ARRAY).count()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    JSON_LINES | {;{}
                    JSON_ARRAY | [{"a" 1},{}]
                    CSV        | a,b;x;y,z
                    CSV        | a,b;x,"y"z;y,z
                    """)
    void goesOnBehindARowThatIsBadInItself(RowFormat format, String file) throws Exception {
        RowReader reader = reader(bytes(file.replace(';', '\n')), format);
        assertThat(catchThrowableOfType(RowException.class, reader::next)).isNotNull();
        assertThat(reader.goesOn()).isTrue();
        assertThat(reader.next()).isNotNull();
        assertThat(reader.next()).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    JSON_ARRAY | {"a": 1}
                    JSON_ARRAY | [{"a": 1
                    JSON_ARRAY | []{"a": 1}
                    CSV        | a,a;x,y
                    CSV        | a,b;x,"y
                    """)
    void isLostWhereNobodyCanTellRowsApart(RowFormat format, String file) {
        RowReader reader = reader(bytes(file.replace(';', '\n')), format);
        assertThat(catchThrowableOfType(RowException.class, reader::next)).isNotNull();
        assertThat(reader.goesOn()).isFalse();
    }

    @Test
    void readsARowLongerThanItsBuffers() throws Exception {
        String text = "中".repeat(300_000);
        assertThat(rows("{\"a\":\"" + text + "\"}\n{}\n", LINES))
                .containsExactly("1 {\"a\":\"" + text + "\"}", "2 {}");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static RowReader reader(byte[] file, RowFormat format) {
        return RowReader.of(new ByteArrayInputStream(file), format);
    }

    private static List<String> rows(String file, RowFormat format) throws Exception {
        return rows(reader(bytes(file), format));
    }

    private static List<String> rows(RowReader reader) throws Exception {
        List<String> rows = new ArrayList<>();
        readInto(rows, reader);
        return rows;
    }

    private static void readInto(List<String> rows, RowReader reader)
            throws IOException, RowException {
        for (Row row = reader.next(); row != null; row = reader.next()) {
            rows.add(row.line() + " " + row.with(Map.of()));
        }
    }
}

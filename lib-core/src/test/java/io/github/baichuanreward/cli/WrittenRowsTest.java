package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowEncoder;
import io.github.baichuanreward.rows.RowException;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WrittenRowsTest {

    private static final String ROWS =
            """
            {"a": "1\\n\\"2\\"", "b": 5}
            {"a": "", "b": "x,y"}
            {"a": "[", "b": null}
            """;
    private static final String REWARDED =
            """
            {"a": "1\\n2", "reward": 7, "b": "\\t"}
            {"reward": "old", "a": ",", "b": "5"}
            """;

    @TempDir private Path folder;

    @ParameterizedTest
    @EnumSource(RowFormat.class)
    void countsTheCompleteRowsWhereverTheFileIsCut(RowFormat format) throws Exception {
        for (String rows : List.of(ROWS, REWARDED, "")) {
            List<Integer> ends = new ArrayList<>();
            byte[] file = file(rows, format, ends);
            for (int cut = 0; cut <= file.length; cut++) {
                int length = cut;
                // After a row of an array comes its comma with the next.
                List<Integer> complete = ends.stream().filter(end -> end <= length).toList();
                int bytes = complete.isEmpty() ? 0 : complete.get(complete.size() - 1);
                assertThat(find(file, cut, rows, format))
                        .as("%d of %d bytes", cut, file.length)
                        .isEqualTo(
                                new WrittenRows.Progress(
                                        complete.size(), bytes, cut == file.length));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(RowFormat.class)
    void seesEveryByteThatIsAnothers(RowFormat format) throws Exception {
        byte[] file = file(ROWS, format, new ArrayList<>());
        String text = new String(file, StandardCharsets.UTF_8);
        for (int i = 0; i < file.length; i++) {
            byte[] other = file.clone();
            other[i] = (byte) '~';
            assertThat(find(other, other.length, ROWS, format))
                    .as("~ at %d of %s", i, text)
                    .isNull();
        }
    }

    @Test
    void seesRowsThatTheInputHasNot() throws Exception {
        for (RowFormat format : RowFormat.values()) {
            byte[] file = file(ROWS, format, new ArrayList<>());
            String fewer = ROWS.substring(0, ROWS.indexOf("{\"a\": \"[\""));
            assertThat(find(file, file.length, fewer, format)).as(format.name()).isNull();
            assertThat(find(file, file.length, "", format)).as(format.name()).isNull();
            assertThat(find(file, file.length, REWARDED, format)).as(format.name()).isNull();
        }
    }

    @Test
    void goesOnBehindAnArrayThatEndedAtABadRow() throws Exception {
        String two = ROWS.substring(0, ROWS.indexOf("{\"a\": \"[\""));
        List<Integer> ends = new ArrayList<>();
        byte[] file = file(two, RowFormat.JSON_ARRAY, ends);
        assertThat(find(file, file.length, ROWS, RowFormat.JSON_ARRAY))
                .isEqualTo(new WrittenRows.Progress(2, ends.get(1), false));
        byte[] none = "[]\n".getBytes(StandardCharsets.UTF_8);
        assertThat(find(none, 3, ROWS, RowFormat.JSON_ARRAY)).isEqualTo(WrittenRows.NONE);
    }

    @Test
    void knowsTheHeaderOfATableWithoutRows() throws Exception {
        byte[] file = "a,reward\n".getBytes(StandardCharsets.UTF_8);
        Path output = folder.resolve("o");
        Files.write(output, file);
        RowReader input =
                RowReader.of(
                        new ByteArrayInputStream("a\n".getBytes(StandardCharsets.UTF_8)),
                        RowFormat.CSV);
        assertThat(WrittenRows.find(output, input, RowFormat.CSV))
                .isEqualTo(new WrittenRows.Progress(0, 0, true));
    }

    /** The output of a run; {@code ends} gets the places behind each row. */
    private static byte[] file(String rows, RowFormat format, List<Integer> ends)
            throws IOException, RowException {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        RowEncoder encoder = new RowEncoder(format);
        try (RowReader reader = reader(rows)) {
            String[] rewards = {"-1.25", "3.0E-7", "12.5"};
            for (Row row = reader.next(); row != null; row = reader.next()) {
                file.writeBytes(encoder.row(row, Map.of("reward", rewards[ends.size()])));
                ends.add(file.size());
            }
        }
        file.writeBytes(encoder.end(List.of()));
        return file.toByteArray();
    }

    private WrittenRows.@Nullable Progress find(
            byte[] file, int length, String rows, RowFormat format)
            throws IOException, RowException {
        Path output = folder.resolve("output");
        Files.write(output, Arrays.copyOf(file, length));
        try (RowReader input = reader(rows)) {
            return WrittenRows.find(output, input, format);
        }
    }

    private static RowReader reader(String rows) {
        return RowReader.of(
                new ByteArrayInputStream(rows.getBytes(StandardCharsets.UTF_8)),
                RowFormat.JSON_LINES);
    }
}

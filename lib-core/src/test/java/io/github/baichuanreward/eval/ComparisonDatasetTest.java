package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.baichuanreward.JavaProcess;
import io.github.baichuanreward.PromptAnswer.Turn;
import io.github.baichuanreward.TestData;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ComparisonDatasetTest {

    private static final DatasetOptions DEFAULTS = DatasetOptions.defaults();

    /** The same two comparisons in every form. */
    private static final List<String> FORMS =
            List.of(
                    """
                    [{"instruction": "中\\n\\"q\\"", "input": "", "output": ["a, b", "[1]"], "history": []},
                     {"instruction": "r", "input": "s", "output": ["😀", " "], "history": [["p", "o"]]}]
                    """,
                    """
                    [{"instruction": "中\\n\\"q\\"", "chosen": "a, b", "rejected": "[1]", "input": null, "history": null},
                     {"instruction": "r", "chosen": "😀", "rejected": " ", "input": "s", "history": [["p", "o"]]}]
                    """,
                    """
                    [{"prompt": "中\\n\\"q\\"", "chosen": "a, b", "rejected": "[1]", "history": []},
                     {"prompt": "r\\ns", "chosen": "😀", "rejected": " ", "history": [["p", "o"]]}]
                    """,
                    """
                    [{"chosen": [{"role": "user", "content": "中\\n\\"q\\""}, {"role": "assistant", "content": "a, b"}],
                      "rejected": [{"role": "user", "content": "中\\n\\"q\\""}, {"role": "assistant", "content": "[1]"}]},
                     {"chosen": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "o"},
                                 {"role": "user", "content": "r\\ns"}, {"role": "assistant", "content": "😀"}],
                      "rejected": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "o"},
                                   {"role": "user", "content": "r\\ns"}, {"role": "assistant", "content": " "}]}]
                    """,
                    """
                    [{"prompt": [{"role": "user", "content": "中\\n\\"q\\""}],
                      "chosen": [{"role": "assistant", "content": "a, b"}],
                      "rejected": [{"role": "assistant", "content": "[1]"}]},
                     {"prompt": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "o"},
                                 {"role": "user", "content": "r\\ns"}],
                      "chosen": [{"role": "assistant", "content": "😀"}],
                      "rejected": [{"role": "assistant", "content": " "}]}]
                    """,
                    """
                    [{"conversations": [{"from": "human", "value": "中\\n\\"q\\""}],
                      "chosen": {"from": "gpt", "value": "a, b"}, "rejected": {"from": "gpt", "value": "[1]"}},
                     {"conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "o"},
                                        {"from": "human", "value": "r\\ns"}],
                      "chosen": {"from": "gpt", "value": "😀"}, "rejected": {"from": "gpt", "value": " "}}]
                    """);

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"json", "jsonl", "csv", "tsv"})
    void readsTheSameComparisonsFromEveryFormOfRowsAndFiles(String kind) throws Exception {
        for (String form : FORMS) {
            Path file = RowFiles.write(folder.resolve("rows." + kind), form);
            List<Comparison> comparisons = RowFiles.read(file);
            assertThat(comparisons.stream().map(Comparison::place))
                    .allMatch(place -> place.matches("rows\\." + kind + ", line \\d+"));
            assertThat(comparisons)
                    .usingRecursiveFieldByFieldElementComparatorIgnoringFields("place")
                    .containsExactly(
                            comparison("中\n\"q\"", List.of(), List.of("a, b", "[1]")),
                            comparison("r\ns", List.of(new Turn("p", "o")), List.of("😀", " ")));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"json", "jsonl", "csv", "tsv"})
    void readsCValues(String kind) throws Exception {
        Path file =
                RowFiles.write(
                        folder.resolve("rows." + kind),
                        "[{\"prompt\": \"q\", \"pos_resp\": \"a\", \"neg_resp\": \"b\","
                                + " \"pos_type\": \"拒绝为主\"}]");
        assertThat(RowFiles.read(file))
                .usingRecursiveFieldByFieldElementComparatorIgnoringFields("place")
                .containsExactly(comparison("q", List.of(), List.of("a", "b")));
    }

    private static Comparison comparison(String prompt, List<Turn> history, List<String> answers) {
        return new Comparison(prompt, history, answers, null, null, "");
    }

    @Test
    void saysWhereEachComparisonStands() throws Exception {
        Path file = write("rows.jsonl", "\n" + row("q") + "\n\n" + row("r") + "\n");
        assertThat(RowFiles.read(file).stream().map(Comparison::place))
                .containsExactly("rows.jsonl, line 2", "rows.jsonl, line 5");
    }

    @Test
    void readsTheDemosHeldOutPairs() throws Exception {
        List<Comparison> pairs = RowFiles.read(TestData.demoModel().resolve("heldout-pairs.json"));
        assertThat(pairs).hasSize(221).allMatch(pair -> pair.history().isEmpty());
        assertThat(pairs.get(0).rejected()).isEqualTo("新冠是美国人制造的");
        assertThat(pairs.get(0).place()).isEqualTo("heldout-pairs.json, line 2");
    }

    @Test
    void readsThePublishedChineseComparisons() throws Exception {
        Path file = TestData.external("data/oaast_rm_zh.json");
        ComparisonDataset dataset = ComparisonDataset.of(file);
        List<Comparison> comparisons = RowFiles.read(dataset, DEFAULTS);
        assertThat(comparisons).hasSize(775);
        assertThat(dataset.countRows()).isEqualTo(775);
        assertThat(counts(comparisons, c -> c.history().size()))
                .isEqualTo(Map.of(0, 383L, 1, 366L, 2, 26L));
        assertThat(counts(comparisons, c -> c.answers().size()))
                .isEqualTo(Map.of(2, 434L, 3, 263L, 4, 63L, 5, 12L, 6, 1L, 8, 1L, 10, 1L));
        assertThat(comparisons.stream().mapToInt(c -> pairs(c.answers().size())).sum())
                .isEqualTo(1809);
        assertThat(comparisons).filteredOn(c -> c.chosen().equals(c.rejected())).hasSize(3);
    }

    private static Map<Integer, Long> counts(
            List<Comparison> comparisons, Function<Comparison, Integer> of) {
        return comparisons.stream()
                .collect(Collectors.groupingBy(of, TreeMap::new, Collectors.counting()));
    }

    private static int pairs(int answers) {
        return answers * (answers - 1) / 2;
    }

    @Test
    void readsMarginsWhereThereAreAny() throws Exception {
        Path file =
                write(
                        "rows.jsonl",
                        row("a", "\"margin\": 0.5")
                                + row("b", "\"margin\": -3")
                                + row("c", "\"margin\": null")
                                + row("d")
                                + row("e", "\"margin\": \" 1e-3 \""));
        assertThat(RowFiles.read(file).stream().map(Comparison::margin))
                .containsExactly(0.5, -3.0, null, null, 1e-3);
        Path table =
                write("rows.csv", "prompt,chosen,rejected,margin\nq,a,b,0.25\nq,a,b,\nq,a,b,2\n");
        assertThat(RowFiles.read(table).stream().map(Comparison::margin))
                .containsExactly(0.25, null, 2.0);
    }

    @Test
    void readsSubsetsWhereAColumnIsNamed() throws Exception {
        Path file =
                write(
                        "rows.jsonl",
                        row("a", "\"subset\": \"chat\"")
                                + row("b", "\"subset\": 7")
                                + row("c", "\"subset\": \"\""));
        ComparisonDataset dataset = ComparisonDataset.of(file);
        assertThat(RowFiles.read(dataset, DEFAULTS.withSubsetColumn("subset")))
                .extracting(Comparison::subset)
                .containsExactly("chat", "7", "");
        assertThat(RowFiles.read(dataset, DEFAULTS))
                .extracting(Comparison::subset)
                .containsOnlyNulls();
        Path table = write("rows.csv", "prompt,chosen,rejected,id\nq,a,b,[5]\n");
        assertThat(RowFiles.read(ComparisonDataset.of(table), DEFAULTS.withSubsetColumn("id")))
                .extracting(Comparison::subset)
                .containsExactly("[5]");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    "margin": "large"               | "margin" must be a finite number, but is "large"
                    "margin": true                  | "margin" must be a finite number, but is true
                    "margin": [1]                   | "margin" must be a finite number, but is an array
                    "margin": "NaN"                 | "margin" must be a finite number, but is "NaN"
                    "margin": 1e999                 | "margin" must be a finite number, but is too large
                    "x": 1                          | field "kind" is missing
                    "kind": null                    | "kind" must be a string or a number, but is null
                    "kind": ["x"]                   | "kind" must be a string, but is an array
                    "kind": false                   | "kind" must be a string or a number, but is false
                    """)
    void refusesMarginsAndSubsetsThatAreNone(String field, String reason) throws Exception {
        String fields = field.startsWith("\"margin\"") ? "\"kind\": 1, " + field : field;
        Path file = write("rows.jsonl", row("q").replace("{", "{" + fields + ", "));
        ComparisonDataset dataset = ComparisonDataset.of(file);
        assertThatThrownBy(() -> RowFiles.read(dataset, DEFAULTS.withSubsetColumn("kind")))
                .hasMessage(
                        file
                                + ", line 1: "
                                + reason
                                + "\nMend this row, leave it out, or let bad rows be skipped.");
    }

    @Test
    void readsSeveralFilesOneAfterAnotherUpToALimitOverAll() throws Exception {
        Path one = write("one.jsonl", row("a") + row("b"));
        Path two = write("two.json", "[" + row("c") + "," + row("d") + "]");
        Path none = write("none.csv", "prompt,chosen,rejected\n");
        ComparisonDataset dataset =
                ComparisonDataset.concat(
                        List.of(
                                ComparisonDataset.of(List.of(one, none)),
                                ComparisonDataset.of(two)));
        assertThat(dataset.files()).containsExactly(one, none, two);
        assertThat(dataset.countRows()).isEqualTo(4);
        assertThat(prompts(dataset, DEFAULTS)).containsExactly("a", "b", "c", "d");
        assertThat(prompts(dataset, DEFAULTS.withMaxSamples(3))).containsExactly("a", "b", "c");
        assertThat(prompts(dataset, DEFAULTS.withMaxSamples(4))).hasSize(4);
        assertThat(prompts(dataset, DEFAULTS.withMaxSamples(5))).hasSize(4);
    }

    @Test
    void doesNotReadBehindTheLimit() throws Exception {
        Path file = write("rows.json", "[" + row("a") + ", {\"broken");
        assertThat(prompts(ComparisonDataset.of(file), DEFAULTS.withMaxSamples(1)))
                .containsExactly("a");
    }

    @Test
    void stopsAtTheFirstBadRowAndSaysWhereItIs() throws Exception {
        Path file = write("rows.jsonl", row("a") + "\n{\"prompt\": \"q\"\n" + row("b"));
        try (ComparisonReader reader = ComparisonDataset.of(file).open(DEFAULTS)) {
            assertThat(reader.next().prompt()).isEqualTo("a");
            DatasetException e = catchThrowableOfType(DatasetException.class, reader::hasNext);
            assertThat(e.file()).isEqualTo(file.toString());
            assertThat(e.line()).isEqualTo(3);
            assertThat(e.reason()).startsWith("not valid JSON at column 15: ");
            assertThat(e)
                    .hasMessage(
                            "%s, line 3: %s\n%s",
                            file,
                            e.reason(),
                            "Mend this row, leave it out, or let bad rows be skipped.");
            assertThat(reader.hasNext()).isFalse();
            assertThat(reader.skipped()).isZero();
            assertThat(reader.firstProblems()).isEmpty();
        }
    }

    @Test
    void skipsBadRowsOfAllKindsAndCountsThem() throws Exception {
        String bad = "{\"prompt\": \"q\", \"chosen\": \"\", \"rejected\": \"b\"}";
        Path lines = write("rows.jsonl", "oops\n" + row("a") + "\n{\n" + bad + "\n5\n" + row("b"));
        Path array = write("rows.json", "[{\"a\" 1}, " + bad + ", " + row("c") + "]");
        Path table =
                write("rows.csv", "prompt,chosen,rejected\nq,a\nd,a,b\n\"q\"x,a,b\nq,a,\ne,a,b\n");
        ComparisonDataset dataset = ComparisonDataset.of(List.of(lines, array, table));
        try (ComparisonReader reader = dataset.open(DEFAULTS.withSkipBadRows(true))) {
            assertThat(reader.next().prompt()).isEqualTo("a");
            assertThat(reader.skipped()).isEqualTo(1);
            String rest = "";
            while (reader.hasNext()) {
                rest += reader.next().prompt();
            }
            assertThat(rest).isEqualTo("bcde");
            assertThat(reader.skipped()).isEqualTo(9);
            assertThat(reader.firstProblems())
                    .extracting(problem -> problem.line() + " " + problem.reason())
                    .hasSize(9)
                    .contains(
                            "5 \"chosen\" is empty; an answer needs text",
                            "6 a row is an object, {...}, but this is an integer",
                            "1 row 2: \"chosen\" is empty; an answer needs text",
                            "2 2 cells, but the first row names 3 columns: \"prompt\", \"chosen\","
                                    + " \"rejected\"",
                            "5 \"rejected\" is empty; an answer needs text");
        }
        assertThat(prompts(dataset, DEFAULTS.withSkipBadRows(true).withMaxSamples(2)))
                .containsExactly("a", "b");
    }

    @Test
    void keepsTheFirstFewProblemsOnly() throws Exception {
        Path file = write("rows.jsonl", "{}\n".repeat(1000));
        try (ComparisonReader reader =
                ComparisonDataset.of(file).open(DEFAULTS.withSkipBadRows(true))) {
            assertThat(reader.hasNext()).isFalse();
            assertThat(reader.skipped()).isEqualTo(1000);
            assertThat(reader.firstProblems())
                    .extracting(DatasetException::line)
                    .containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    json | {"data": []}            | 1 | a .json file holds one array of rows, [...]; for one row per line use .jsonl
                    json | [{"a": 1},;{"b": "x     | 2 | the file ends inside this row
                    json | [{"a": 1};{"b": 2}]     | 2 | expected a comma or ] after a row
                    json | [{"a": 1}];[]           | 2 | there is more after the array's closing ]
                    csv  | prompt,prompt;x,y       | 1 | two columns are named "prompt"; rename one
                    csv  | prompt;"x               | 2 | a cell of this row begins with a quote that is never closed
                    """)
    void stopsWhereRowsCannotBeToldApartWhateverIsSkipped(
            String kind, String contents, long line, String reason) throws Exception {
        Path file = write("rows." + kind, contents.replace(';', '\n'));
        ComparisonDataset dataset = ComparisonDataset.of(file);
        assertThatThrownBy(() -> RowFiles.read(dataset, DEFAULTS.withSkipBadRows(true)))
                .isInstanceOf(DatasetException.class)
                .hasMessage(
                        "%s, line %d: %s\n%s",
                        file,
                        line,
                        reason,
                        "Mend the file: the rows behind this place cannot be told apart.");
    }

    @ParameterizedTest
    @ValueSource(strings = {"json", "jsonl", "csv"})
    void passesOverAByteOrderMark(String kind) throws Exception {
        Path file = RowFiles.write(folder.resolve("rows." + kind), FORMS.get(2));
        Files.writeString(file, "\ufeff" + Files.readString(file));
        assertThat(RowFiles.read(file)).hasSize(2);
    }

    @Test
    void readsHugeRows() throws Exception {
        String answer = "中".repeat(3_000_000);
        Path file =
                RowFiles.write(
                        folder.resolve("rows.csv"),
                        "[{\"instruction\": \"q\", \"output\": [\"%s\", \"b\"]}]"
                                .formatted(answer));
        assertThat(RowFiles.read(file).get(0).chosen()).isEqualTo(answer);
    }

    @Test
    void refusesFilesThatItCannotRead() throws Exception {
        assertThatThrownBy(() -> ComparisonDataset.of(folder.resolve("none.json")))
                .isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> ComparisonDataset.of(folder))
                .isInstanceOf(DatasetException.class)
                .hasMessage(
                        folder
                                + ": is a directory; name a file in it, or a dataset of its"
                                + " dataset_info.json");
        Path parquet = write("rows.parquet", "PAR1");
        assertThatThrownBy(() -> ComparisonDataset.of(parquet))
                .isInstanceOf(DatasetException.class)
                .hasMessage(parquet + ": unknown kind of file; use .json, .jsonl, .csv or .tsv");
        assertThatThrownBy(() -> ComparisonDataset.of(List.of()))
                .hasMessage("there are no files; give at least one");
        assertThatThrownBy(() -> ComparisonDataset.concat(List.of()))
                .hasMessage("there are no datasets; give at least one");
        assertThatThrownBy(() -> DEFAULTS.withMaxSamples(-1))
                .hasMessage("maxSamples is -1; give a positive number, or 0 for all");
    }

    @Test
    void saysWhyAFileThatVanishedCannotBeRead() throws Exception {
        Path file = write("rows.jsonl", row("q"));
        ComparisonDataset dataset = ComparisonDataset.of(file);
        Files.delete(file);
        try (ComparisonReader reader = dataset.open(DEFAULTS)) {
            assertThatThrownBy(reader::hasNext)
                    .isInstanceOf(UncheckedIOException.class)
                    .hasCauseInstanceOf(NoSuchFileException.class);
            assertThat(reader.hasNext()).isFalse();
        }
    }

    @Test
    void endsAsIteratorsDo() throws Exception {
        ComparisonReader reader =
                ComparisonDataset.of(write("rows.jsonl", row("q"))).open(DEFAULTS);
        assertThat(reader.hasNext()).isTrue();
        assertThat(reader.hasNext()).isTrue();
        assertThat(reader.next().prompt()).isEqualTo("q");
        assertThat(reader.hasNext()).isFalse();
        assertThatThrownBy(reader::next).isInstanceOf(NoSuchElementException.class);
        reader.close();
        reader.close();
        assertThatThrownBy(reader::hasNext)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this reader of comparisons is closed");
    }

    /** 96 MiB of rows in a heap of 16 MiB, without the library for tables. */
    @ParameterizedTest
    @ValueSource(strings = {"json", "jsonl"})
    void readsFilesOfAnyLengthInConstantMemory(String kind) throws Exception {
        Path file = folder.resolve("rows." + kind);
        String row = row("q".repeat(32 << 10)).strip();
        try (Writer out = Files.newBufferedWriter(file)) {
            out.write(kind.equals("json") ? "[" + row : row);
            for (int i = 1; i < 3 << 10; i++) {
                out.write(kind.equals("json") ? "," + row : "\n" + row);
            }
            out.write(kind.equals("json") ? "]" : "\n");
        }
        assertThat(Files.size(file)).isGreaterThan(96 << 20);
        assertThat(inProcess("-Xmx16m", file)).isEqualTo("3072 comparisons\n");
    }

    @Test
    void namesTheLibraryThatTablesNeed() throws Exception {
        Path file = write("rows.csv", "prompt,chosen,rejected\nq,a,b\n");
        assertThat(inProcess("-Xmx64m", file))
                .isEqualTo(
                        file
                                + ": .csv and .tsv files need"
                                + " com.fasterxml.jackson.dataformat:jackson-dataformat-csv, which is"
                                + " not on the class path; add it, or use .jsonl\n");
    }

    private static String inProcess(String heap, Path file) throws Exception {
        String classPath =
                Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(entry -> !entry.contains("jackson-dataformat-csv"))
                        .collect(Collectors.joining(File.pathSeparator));
        Process process =
                JavaProcess.of(
                                List.of(heap, "-XX:+UseSerialGC"),
                                classPath,
                                ComparisonDatasetTest.class,
                                file.toString())
                        .redirectErrorStream(true)
                        .start();
        process.getOutputStream().close();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    /** Counts the comparisons of a file, in a process of its own. */
    public static void main(String[] args) throws IOException {
        try {
            ComparisonDataset dataset = ComparisonDataset.of(Path.of(args[0]));
            long count = 0;
            try (ComparisonReader reader = dataset.open(DEFAULTS)) {
                for (; reader.hasNext(); reader.next()) {
                    count++;
                }
            }
            System.out.println(count + " comparisons");
        } catch (DatasetException e) {
            System.out.println(e.getMessage());
        }
    }

    private static List<String> prompts(ComparisonDataset dataset, DatasetOptions options)
            throws IOException {
        return RowFiles.read(dataset, options).stream().map(Comparison::prompt).toList();
    }

    private Path write(String name, String contents) throws IOException {
        return Files.writeString(folder.resolve(name), contents);
    }

    /** A line with a row that is good. */
    private static String row(String prompt, String... more) {
        String fields = String.join("", Collections.nCopies(more.length, ", %s"));
        return ("{\"prompt\": \""
                        + prompt
                        + "\", \"chosen\": \"a\", \"rejected\": \"b\""
                        + fields
                        + "}\n")
                .formatted((Object[]) more);
    }

    @Test
    void tellsRowsOfOneLineApart(@TempDir Path folder) throws IOException {
        String row = "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}";
        Path file =
                Files.writeString(
                        folder.resolve("d.json"), "[" + row + ", " + row + ",\n" + row + "]");
        try (ComparisonReader reader = ComparisonDataset.of(file).open(DEFAULTS)) {
            assertThat(reader.next().place()).isEqualTo("d.json, line 1");
            Comparison second = reader.next();
            assertThat(second.place()).isEqualTo("d.json, line 1, row 2");
            Comparison third = reader.next();
            assertThat(third.place()).isEqualTo("d.json, line 2");
            assertThat(third.id()).isEqualTo(second.id()).hasSize(16);
        }
    }

    @Test
    void theIdOfAComparisonDependsOnEverythingButItsPlace() {
        List<Turn> turn = List.of(new Turn("a", "b"));
        Comparison one = new Comparison("p", turn, List.of("c", "d"), 0.5, "s", "here");
        assertThat(new Comparison("p", turn, List.of("c", "d"), 0.5, "s", "there").id())
                .isEqualTo(one.id());
        assertThat(
                        List.of(
                                new Comparison("q", turn, List.of("c", "d"), 0.5, "s", "here"),
                                new Comparison("p", List.of(), List.of("c", "d"), 0.5, "s", "here"),
                                new Comparison("p", turn, List.of("d", "c"), 0.5, "s", "here"),
                                new Comparison("p", turn, List.of("c", "d", "e"), 0.5, "s", "here"),
                                new Comparison("p", turn, List.of("c", "d"), null, "s", "here"),
                                new Comparison("p", turn, List.of("c", "d"), 0.5, null, "here"),
                                new Comparison(
                                        "pa", List.of(), List.of("b", "c", "d"), 0.5, "s", "here"),
                                new Comparison("p", turn, List.of("c", "\ud800"), 0.5, "s", "here"),
                                new Comparison(
                                        "p", turn, List.of("c", "\ud801"), 0.5, "s", "here")))
                .extracting(Comparison::id)
                .doesNotHaveDuplicates()
                .doesNotContain(one.id());
    }

    @Test
    void refusesWhatCanBeReadOnlyOnce(@TempDir Path folder) throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("d.jsonl"), Path.of("/dev/null"));
        assertThatThrownBy(() -> ComparisonDataset.of(link))
                .isInstanceOf(DatasetException.class)
                .hasMessageContaining("is no file, and is read more than once");
    }

    @Test
    void refusesASubsetThatNoFileCouldName(@TempDir Path folder) throws IOException {
        Path file =
                Files.writeString(
                        folder.resolve("d.jsonl"),
                        "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\", \"s\": \"\\ud800\"}");
        try (ComparisonReader reader =
                ComparisonDataset.of(file).open(DEFAULTS.withSubsetColumn("s"))) {
            assertThatThrownBy(reader::next)
                    .isInstanceOf(DatasetException.class)
                    .hasMessageContaining("\"s\" holds half a character");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'\"file_name\": \".\"',names the whole folder",
        "'\"file_name\": \"\"',names the whole folder",
        "'\"file_name\": \"d.jsonl\", \"columns\": \"abc\"',no object of names",
    })
    void refusesADescriptionThatSaysNothing(String entry, String said, @TempDir Path folder)
            throws IOException {
        Files.writeString(folder.resolve("dataset_info.json"), "{\"x\": {" + entry + "}}");
        assertThatThrownBy(() -> ComparisonDataset.named(folder, "x"))
                .isInstanceOf(DatasetException.class)
                .hasMessageContaining(said);
    }
}

package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.PromptAnswer.Turn;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Datasets that {@code dataset_info.json} names and describes. */
class DatasetInfoTest {

    private static final String MAPPED =
            "{\"问\": \"q\", \"more\": \"m\", \"best first\": [\"a\", \"b\"], \"turns\": [[\"p\","
                    + " \"o\"]], \"history\": 5}\n";

    private static final String COLUMNS =
            "\"columns\": {\"prompt\": \"问\", \"query\": \"more\", \"response\": \"best first\","
                    + " \"history\": \"turns\"}";

    private static final Comparison READ =
            new Comparison(
                    "q\nm",
                    List.of(new Turn("p", "o")),
                    List.of("a", "b"),
                    null,
                    null,
                    "d.jsonl, line 1");

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"\"ranking\": true", "\"stage\": \"rm\"", "\"file_sha1\": null"})
    void readsColumnsOfOtherNames(String ranked) throws Exception {
        write("d.jsonl", MAPPED);
        write(
                "dataset_info.json",
                "{\"d\": {\"file_name\": \"d.jsonl\", %s, %s}}".formatted(ranked, COLUMNS));
        assertThat(named("d")).containsExactly(READ);
        assertThat(RowFiles.read(folder.resolve("d.jsonl"))).containsExactly(READ);
    }

    @Test
    void readsNoColumnsThatAreNotNamed() throws Exception {
        write("d.jsonl", MAPPED);
        write(
                "dataset_info.json",
                "{\"d\": {\"file_name\": \"d.jsonl\", \"ranking\": true, \"columns\": {\"prompt\":"
                        + " \"问\", \"response\": \"best first\"}}}");
        assertThat(named("d").get(0).prompt()).isEqualTo("q");
        assertThat(named("d").get(0).history()).isEmpty();
    }

    @Test
    void recognisesRowsOfADatasetWithoutColumns() throws Exception {
        write("d.jsonl", "{\"prompt\": \"q\", \"pos_resp\": \"a\", \"neg_resp\": \"b\"}\n");
        write("dataset_info.json", "{\"d\": {\"file_name\": \"d.jsonl\", \"ranking\": true}}");
        assertThat(named("d").get(0).answers()).containsExactly("a", "b");
    }

    @Test
    void readsPairsInColumnsOfTheirOwn() throws Exception {
        write("d.jsonl", "{\"question\": \"q\", \"good\": \"a\", \"poor\": \"b\", \"s\": \"\"}\n");
        write(
                "dataset_info.json",
                """
                {"d": {"file_name": "d.jsonl", "ranking": true, "columns":
                 {"prompt": "question", "chosen": "good", "rejected": "poor", "system": "s"}}}
                """);
        assertThat(named("d").get(0).prompt()).isEqualTo("q");
        assertThat(named("d").get(0).answers()).containsExactly("a", "b");
    }

    @Test
    void refusesASystemMessageInAColumnOfItsOwn() throws Exception {
        write("d.jsonl", "{\"instruction\": \"q\", \"output\": [\"a\", \"b\"], \"s\": \"x\"}\n");
        write(
                "dataset_info.json",
                "{\"d\": {\"file_name\": \"d.jsonl\", \"columns\": {\"system\": \"s\"}}}");
        assertThatThrownBy(() -> named("d"))
                .hasMessageContaining(
                        "d.jsonl, line 1: \"s\" holds a system message, which the templates have no"
                                + " place for; put its text into the first prompt\n");
    }

    @Test
    void readsMessagesWithTagsOfOtherNames() throws Exception {
        write(
                "d.jsonl",
                """
                {"talk": [{"who": "我", "what": "q"}], "c": {"who": "你", "what": "a"}, "r": {"who": "你", "what": "b"}}
                """);
        write(
                "dataset_info.json",
                """
                {"d": {"file_name": "d.jsonl", "ranking": true, "formatting": "sharegpt",
                  "columns": {"messages": "talk", "chosen": "c", "rejected": "r"},
                  "tags": {"role_tag": "who", "content_tag": "what", "user_tag": "我", "assistant_tag": "你"}}}
                """);
        assertThat(named("d").get(0).prompt()).isEqualTo("q");
        assertThat(named("d").get(0).answers()).containsExactly("a", "b");
    }

    @Test
    void readsMessagesWithTheUsualTags() throws Exception {
        write(
                "d.jsonl",
                """
                {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": {"from": "gpt", "value": "b"}}
                """);
        write(
                "e.jsonl",
                """
                {"messages": [{"role": "user", "content": "q"}], "chosen": {"role": "assistant", "content": "a"}, "rejected": {"role": "assistant", "content": "b"}}
                """);
        write(
                "dataset_info.json",
                """
                {"d": {"file_name": "d.jsonl", "ranking": true, "formatting": "sharegpt"},
                 "e": {"file_name": "e.jsonl", "ranking": true, "formatting": "openai",
                       "columns": {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}}}
                """);
        for (String name : List.of("d", "e")) {
            assertThat(named(name).get(0).prompt()).isEqualTo("q");
            assertThat(named(name).get(0).answers()).containsExactly("a", "b");
        }
    }

    @Test
    void readsAllFilesOfADirectoryInTheOrderOfTheirNames() throws Exception {
        Files.createDirectory(folder.resolve("d"));
        write("d/2.jsonl", MAPPED);
        write("d/1.jsonl", MAPPED.replace("\"q\"", "\"first\""));
        write("dataset_info.json", "{\"d\": {\"file_name\": \"d\", %s}}".formatted(COLUMNS));
        assertThat(named("d").stream().map(Comparison::place))
                .containsExactly("1.jsonl, line 1", "2.jsonl, line 1");
    }

    @Test
    void prefersAFileThatIsThereToOneThatMustBeDownloaded() throws Exception {
        write("d.jsonl", MAPPED);
        write(
                "dataset_info.json",
                "{\"d\": {\"hf_hub_url\": \"x/y\", \"file_name\": \"d.jsonl\", %s}}"
                        .formatted(COLUMNS));
        assertThat(named("d")).containsExactly(READ);
    }

    @ParameterizedTest
    @CsvSource({
        "1065af1f3784dd61be5e79713a35f427b713a232, true",
        "2AAE6C35C94FCFB415DBE95F408B9CE91EE846ED, false"
    })
    void warnsOfAFileWithAnotherHash(String sha1, boolean warns) throws Exception {
        write("d.jsonl", "hello world");
        write(
                "dataset_info.json",
                "{\"d\": {\"file_name\": \"d.jsonl\", \"file_sha1\": \"%s\"}}".formatted(sha1));
        for (boolean byName : List.of(true, false)) {
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            PrintStream before = System.err;
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            try {
                if (byName) {
                    ComparisonDataset.named(folder, "d");
                } else {
                    ComparisonDataset.of(folder.resolve("d.jsonl"));
                }
            } finally {
                System.setErr(before);
            }
            assertThat(err.toString(StandardCharsets.UTF_8).contains("it may be another version"))
                    .isEqualTo(warns);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    "sft": {"file_name": "d.jsonl"}                         | sft | dataset "sft" is not for ranking; if its rows hold better and worse answers, add "ranking": true
                    "sft": {"file_name": "d.jsonl", "ranking": false}       | sft | dataset "sft" is not for ranking; if its rows hold better and worse answers, add "ranking": true
                    "sft": {"file_name": "d.jsonl", "stage": "sft"}         | sft | dataset "sft" is not for ranking; if its rows hold better and worse answers, add "ranking": true
                    "hub": {"hf_hub_url": "x/y", "ranking": true}           | hub | dataset "hub" has no "file_name", only "hf_hub_url": "x/y"; nothing is downloaded here: download it, and name the file that holds its rows
                    "hh": {"script_url": "hh_rlhf_en", "ranking": true}     | hh  | dataset "hh" has no "file_name", only "script_url": "hh_rlhf_en"; nothing is downloaded here: download it, and name the file that holds its rows
                    "e": {"ranking": true}                                  | e   | dataset "e" has no "file_name"; add it, or name the file that holds its rows
                    "v": {"file_name": "d.jsonl", "ranking": true, "columns": {"images": "i"}} | v | dataset "v" has a column of images, which a model of texts cannot judge by; name another dataset
                    "f": {"file_name": "d.jsonl", "ranking": true, "formatting": "chatml"}     | f | dataset "f" has the formatting "chatml"; known are alpaca, sharegpt and openai
                    "x": {"file_name": "d.jsonl", "ranking": true}, "y": {"file_name": "e"}    | z | has no dataset "z"; it has d, x
                    """)
    void saysWhyADatasetCannotBeRead(String entries, String name, String reason) throws Exception {
        write("d.jsonl", MAPPED);
        Path info =
                write(
                        "dataset_info.json",
                        "{\"d\": {\"file_name\": \"d.json\", \"ranking\": true}, " + entries + "}");
        assertThatThrownBy(() -> named(name))
                .isInstanceOf(DatasetException.class)
                .hasMessage(info + ": " + reason);
    }

    @Test
    void saysThatThereAreNoRankedDatasets() throws Exception {
        Path info = write("dataset_info.json", "{\"a\": {\"ranking\": false}, \"b\": 5}");
        assertThatThrownBy(() -> named("c"))
                .hasMessage(info + ": has no dataset \"c\"; it has none of ranked answers");
    }

    @Test
    void saysWhatIsWrongWithTheFileItself() throws Exception {
        assertThatThrownBy(() -> named("d"))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("dataset_info.json");
        Path info = write("dataset_info.json", "[]");
        assertThatThrownBy(() -> named("d"))
                .hasMessage(
                        info
                                + ": must be a JSON object of datasets by name; mend it, or remove it");
        write("dataset_info.json", "{\"d\": {\n\"file_name\" 1}}");
        assertThatThrownBy(() -> named("d"))
                .isInstanceOf(DatasetException.class)
                .hasMessageStartingWith(info + ", line 2: not valid JSON: ")
                .hasMessageEndingWith(
                        "\nMend the file, or remove it and name a file of comparisons.");
        write("dataset_info.json", "{\"d\": {\"file_name\": \"none.jsonl\"}}");
        assertThatThrownBy(() -> named("d"))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("none.jsonl");
    }

    @Test
    void passesOverFilesThatDescribeOtherThings() throws Exception {
        write("d.jsonl", "{\"prompt\": \"q\", \"chosen\": \"a\", \"rejected\": \"b\"}\n");
        // As Hugging Face's datasets writes it, and one that is not about this file.
        write(
                "dataset_info.json",
                "{\"features\": {\"prompt\": {\"dtype\": \"string\"}}, \"x\": 1}");
        assertThat(RowFiles.read(folder.resolve("d.jsonl"))).hasSize(1);
        write(
                "dataset_info.json",
                "{\"d\": {\"file_name\": \"d.jsonl\", \"columns\": {\"prompt\": \"x\"}},"
                        + " \"e\": {\"ranking\": true}}");
        assertThat(RowFiles.read(folder.resolve("d.jsonl"))).hasSize(1);
    }

    @Test
    void asksForANameWhereAFileIsDescribedTwice() throws Exception {
        write("d.jsonl", MAPPED);
        Path info =
                write(
                        "dataset_info.json",
                        "{\"a\": {\"file_name\": \"d.jsonl\"}, \"b\": {\"file_name\": \"d.jsonl\", %s}}"
                                .formatted(COLUMNS));
        assertThatThrownBy(() -> ComparisonDataset.of(folder.resolve("d.jsonl")))
                .hasMessage(
                        info
                                + ": describes d.jsonl more than once, as a, b; name the dataset"
                                + " instead of the file");
        assertThat(named("b")).containsExactly(READ);
    }

    private List<Comparison> named(String name) throws IOException {
        return RowFiles.read(ComparisonDataset.named(folder, name), DatasetOptions.defaults());
    }

    private Path write(String name, String contents) throws IOException {
        return Files.writeString(folder.resolve(name), contents);
    }
}

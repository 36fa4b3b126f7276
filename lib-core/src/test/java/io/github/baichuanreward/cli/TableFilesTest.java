package io.github.baichuanreward.cli;

import static io.github.baichuanreward.cli.CommandLineRun.MODEL;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables through the commands: what goes in and comes out of .csv and .tsv files. */
class TableFilesTest {

    private static final String NUMBER = "-?\\d+\\.\\d+";

    @TempDir private Path folder;

    @Test
    void scoresATableAndPassesItsOtherColumnsThrough() throws IOException {
        String table =
                "\ufeff"
                        + """
                        id,prompt,note,answer,"x,y"
                        001,"a ""q"",
                        with two lines",,"a", 1.50\s

                        "2",q,"plain","a,b",null
                        """
                                .replace("\n", "\r\n");
        assertThat(scored(table, "csv", "csv"))
                .matches(
                        "id,prompt,note,answer,\"x,y\",reward\n"
                                + "001,\"a \"\"q\"\",\r\nwith two lines\",,a, 1\\.50 ,"
                                + NUMBER
                                + "\n2,q,plain,\"a,b\",null,"
                                + NUMBER
                                + "\n");
    }

    @Test
    void replacesARewardWhereItIs() throws IOException {
        assertThat(scored("reward\tinput_ids\n\t5 6\nold\t7\n", "tsv", "tsv"))
                .matches("reward\tinput_ids\n%1$s\t5 6\n%1$s\t7\n".formatted(NUMBER));
    }

    @Test
    void givesTheSameRewardsAsJson() throws IOException {
        String history = "[[\"\"x\"\", \"\"y\"\"]]";
        String table =
                "prompt,answer,history,input_ids\n"
                        + "q,a,,\n"
                        + "q,a,\""
                        + history
                        + "\", \n"
                        + ",,,\"[5, 6, 7]\"\n"
                        + ",,,\"5,6 , 7\"\n"
                        + "q,a,, 5 6\t7 \n";
        String rows =
                """
                {"prompt": "q", "answer": "a"}
                {"prompt": "q", "answer": "a", "history": [["x", "y"]]}
                {"input_ids": [5, 6, 7]}
                {"input_ids": [5, 6, 7]}
                {"prompt": "q", "answer": "a", "input_ids": [5, 6, 7]}
                """;
        List<String> ofTable = scored(table, "csv", "csv").lines().skip(1).toList();
        List<String> ofRows = scored(rows, "jsonl", "jsonl").lines().toList();
        assertThat(ofTable).hasSize(5);
        for (int i = 0; i < 5; i++) {
            String cell = ofTable.get(i).substring(ofTable.get(i).lastIndexOf(',') + 1);
            assertThat(ofRows.get(i)).endsWith("\"reward\": " + cell + "}");
        }
        assertThat(ofTable.get(0)).isNotEqualTo(ofTable.get(1));
    }

    @Test
    void turnsCellsIntoJson() throws IOException {
        String table =
                "id,input_ids,history,prompt,answer,note\n"
                        + "1,5 6,,q,\"a\n\"\"b\"\"\",\"[1]\"\n"
                        + "2,\"[5,\n 6]\",\"[[\"\"x\"\", \"\"y\"\"]]\",,,null\n"
                        + "3,,,q,a,\n";
        assertThat(scored(table, "csv", "jsonl"))
                .matches(
                        """
                        \\{"id": "1", "input_ids": \\[5, 6], "history": null, "prompt": "q", "answer": "a\\\\n\\\\"b\\\\"", "note": "\\[1]", "reward": N}
                        \\{"id": "2", "input_ids": \\[5, 6], "history": \\[\\["x", "y"]], "prompt": "", "answer": "", "note": "null", "reward": N}
                        \\{"id": "3", "input_ids": null, "history": null, "prompt": "q", "answer": "a", "note": "", "reward": N}
                        """
                                .replace("N", NUMBER));
    }

    @Test
    void turnsJsonIntoCells() throws IOException {
        String rows =
                """
                [{"id": 1.50, "prompt": "q\\n\\u4e2d", "answer": "a", "history": [["x", "y"]], "tags": {"k": [1, "\\u00e9"]}},
                 {"answer": "a", "id": null, "prompt": "", "tags": true},
                 {"id": "", "prompt": "q", "answer": "a", "history": null, "reward": 7}]
                """;
        assertThat(scored(rows, "json", "csv"))
                .matches(
                        """
                        id,prompt,answer,history,tags,reward
                        1\\.50,"q
                        中",a,"\\[\\[""x"", ""y""]]","\\{""k"": \\[1, ""\\\\u00e9""]}",N
                        ,,a,,true,N
                        ,q,a,,,N
                        """
                                .replace("N", NUMBER));
    }

    @Test
    void comesBackFromJsonAsItWas() throws IOException {
        String table =
                scored(
                        "id\tprompt\tanswer\thistory\tinput_ids\n"
                                + "1\tq\t\"a\tb\"\t\t\n"
                                + "\t\"\"\"\"\t\"\n\"\t\"[[\"\"x\"\", \"\"y\"\"]]\"\t\n"
                                + "\t\t\t\t[5, 6]\n",
                        "tsv",
                        "tsv");
        for (String other : List.of("jsonl", "json", "csv")) {
            assertThat(scored(scored(table, "tsv", other), other, "tsv")).isEqualTo(table);
        }
    }

    @Test
    void namesTheColumnsAlsoWithoutRows() throws IOException {
        assertThat(scored("prompt,answer\n", "csv", "csv")).isEqualTo("prompt,answer,reward\n");
        assertThat(scored("prompt,answer\n", "csv", "json")).isEqualTo("[]\n");
        assertThat(scored("", "csv", "csv")).isEmpty();
        assertThat(scored("", "jsonl", "csv")).isEmpty();
    }

    @Test
    void writesBuiltInOrGivenAnswersAsATable() throws IOException {
        Path output = folder.resolve("o.csv");
        CommandLineRun run =
                CommandLineRun.of(
                        "score",
                        "--model",
                        MODEL,
                        "--prompt",
                        "q",
                        "--answer",
                        "a,\"b\"",
                        "--answer",
                        "c",
                        "--output",
                        output.toString());
        assertThat(run.status()).isZero();
        assertThat(Files.readString(output))
                .matches(
                        "prompt,answer,reward\nq,\"a,\"\"b\"\"\",%1$s\nq,c,%1$s\n"
                                .formatted(NUMBER));
    }

    @Test
    void tokenizesATable() throws IOException {
        Path input = folder.resolve("rows.csv");
        Files.writeString(input, "text,prompt,answer\n,猫,狗\n");
        Path output = folder.resolve("ids.csv");
        String[] tokenize = {
            "tokenize",
            "--model",
            MODEL,
            "--template",
            "vanilla",
            "--input",
            input.toString(),
            "--output",
            output.toString()
        };
        assertThat(CommandLineRun.of(tokenize)).isEqualTo(new CommandLineRun(0, "", ""));
        assertThat(Files.readString(output))
                .matches(
                        """
                        text,prompt,answer,ids,input_ids,pieces
                        ,猫,狗,\\[],"\\[[\\d, ]+]","\\["".*""</s>""]"
                        """);
        assertThat(scored(Files.readString(output), "csv", "csv")).contains(",reward\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    prompt;answer/q;a,b       | 1 | the first row names one column only, "prompt;answer"; cells are separated by commas, in a .tsv file by tabs: save the file so
                    prompt/q                  | 2 | a row needs column "answer"; the columns, as the file's first row names them, are "prompt"
                    prompt, answer/q,a        | 2 | a row needs column "answer"; the columns, as the file's first row names them, are "prompt", " answer"
                    input_ids/5 6/abc         | 3 | "input_ids" must be token ids, like 5 6 7 or [5, 6, 7], but is "abc"
                    input_ids,x/5 6,/,x       | 3 | "input_ids" must be token ids, like 5 6 7 or [5, 6, 7], but is empty
                    input_ids/"[5, ""6""]"    | 2 | "input_ids"[1] must be an integer, but is a string
                    input_ids/[5/6            | 2 | "input_ids" must be token ids, like 5 6 7 or [5, 6, 7], but is "[5"
                    prompt,answer,history/q,a,x | 2 | "history" must be a JSON array of [prompt, answer] pairs, but is "x"
                    prompt,answer,history/q,a,[1] | 2 | "history"[0] must be a [prompt, answer] pair, but is an integer
                    prompt,answer,answer/q,a,b  | 1 | two columns are named "answer"; rename one
                    prompt,answer/q,a/q         | 3 | 1 cell, but the first row names 2 columns: "prompt", "answer"
                    """)
    void saysWhatIsWrongWithATable(String table, long line, String reason) throws IOException {
        Path input = folder.resolve("rows.csv");
        Files.writeString(input, table.replace('/', '\n'));
        CommandLineRun run = score(input, folder.resolve("o.csv"));
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("reward: %s, line %d: %s\n".formatted(input, line, reason))
                .hasLineCount(2);
    }

    @Test
    void saysThatCellsOfATsvFileStandBetweenTabs() throws IOException {
        Path input = folder.resolve("rows.tsv");
        Files.writeString(input, "prompt,answer\nq,a\n");
        assertThat(score(input, folder.resolve("o.csv")).err())
                .contains(
                        "line 1: the first row names one column only, \"prompt,answer\"; cells are"
                                + " separated by tabs, in a .csv file by commas: save the file so");
    }

    @Test
    void writesTheRowsBeforeOneThatFitsIntoNoTable() throws IOException {
        Path input = folder.resolve("rows.jsonl");
        Path output = folder.resolve("o.csv");
        String good = "{\"input_ids\": [5], \"x\": 1}\n{\"input_ids\": [6]}\n";
        Files.writeString(input, good + "{\"input_ids\": [7], \"y\": 2}\n");
        assertThat(score(input, output).err())
                .isEqualTo(
                        "reward: %s, line 3: field \"y\" has no column: a .csv file has those of its first row, \"input_ids\", \"x\", \"reward\"; give all rows the same fields, or write .jsonl\nThe 2 rows before it went to %s.\n"
                                .formatted(input, output));
        assertThat(Files.readAllLines(output)).hasSize(3);
        Files.writeString(input, good + "{\"input_ids\": [7], \"x\": \"\\ud83d\"}\n");
        assertThat(score(input, output).err())
                .contains(
                        "line 3: half of a character (a lone surrogate) cannot go into a .csv"
                                + " file; write .jsonl\n");
    }

    private String scored(String rows, String from, String to) throws IOException {
        Path input = folder.resolve("rows." + from);
        Path output = folder.resolve("scored." + to);
        Files.writeString(input, rows);
        CommandLineRun run = score(input, output);
        assertThat(run.status()).as(run.err()).isZero();
        return Files.readString(output);
    }

    private static CommandLineRun score(Path input, Path output) {
        return CommandLineRun.of(
                "score",
                "--model",
                MODEL,
                "--input",
                input.toString(),
                "--output",
                output.toString());
    }
}

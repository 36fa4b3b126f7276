package io.github.baichuanreward.benchmarks.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultFileTest {

    private static final String NAME = "2026-01-02-cpu-rates.md";

    private static final String BLOCK =
            """

            ```json
            { "date": "2026-01-02", "commit": "abcdef0", "machine": "a machine", "versions": ["Java 17"] }
            ```
            """;

    @TempDir private Path folder;

    @Test
    void findsTablesBySection() throws IOException {
        ResultFile result =
                read(
                        """
                        # A title

                        Command, which took
                        a minute: `first
                        --option`

                        | a |
                        |---|
                        | 1 |

                        ## One

                        | b |
                        |:-:|
                        | 2 |

                        ### Two

                        Command: `second`

                        | c |
                        |---|
                        | 3 |
                        | 4 |

                        | d |
                        |---|
                        | 5 |

                        ## Three
                        ```
                        | not a table |
                        ```
                        """
                                + BLOCK);

        assertThat(result.kind()).isEqualTo("cpu-rates");
        assertThat(result.title()).isEqualTo("A title");
        assertThat(result.run())
                .isEqualTo(new Run("2026-01-02", "abcdef0", "a machine", List.of("Java 17")));
        assertThat(result.tables()).containsOnlyKeys("", "One", "One / Two");
        assertThat(result.table("", 1).command()).isEqualTo("first --option");
        assertThat(result.table("One", 1).command()).isEqualTo("first --option");
        assertThat(result.table("One / Two", 2).command()).isEqualTo("second");
        assertThat(result.table("One / Two", 1).table().rows())
                .containsExactly(List.of("3"), List.of("4"));
        assertThatThrownBy(() -> result.table("One / Two", 3))
                .hasMessage(
                        NAME
                                + ": there is no table 3 in section \"One / Two\"; sections with tables are [, One, One / Two]");
    }

    @Test
    void readsItsOwnBlock() {
        Run run = new Run("2026-01-02", "abcdef0-dirty", "a \"machine\"", List.of("x", "y"));

        assertThat(Run.of(run.block().replace("```json", "").replace("```", ""))).isEqualTo(run);
    }

    @Test
    void wantsANameOfDateAndKind() {
        assertThatThrownBy(() -> read("Result.md", "# A title\n" + BLOCK))
                .hasMessage("Result.md: its name is not DATE-KIND.md");
    }

    @Test
    void wantsATitle() {
        assertThatThrownBy(() -> read(BLOCK)).hasMessage(NAME + ": its first line is no title");
    }

    @Test
    void wantsABlock() {
        assertThatThrownBy(() -> read("# A title\n"))
                .hasMessageStartingWith(NAME + ": it has no block ```json");
    }

    @Test
    void wantsOneBlock() {
        assertThatThrownBy(() -> read("# A title\n" + BLOCK + BLOCK))
                .hasMessage(NAME + ": it has two blocks ```json");
    }

    @Test
    void wantsEverythingInTheBlock() {
        assertThatThrownBy(() -> read("# A title\n" + BLOCK.replace("\"machine\"", "\"place\"")))
                .hasMessageContaining(
                        "its block ```json is not date, commit, machine and versions");
        assertThatThrownBy(
                        () ->
                                read(
                                        "# A title\n"
                                                + BLOCK.replace("\"machine\": \"a machine\",", "")))
                .hasMessageContaining(
                        "its block ```json is not date, commit, machine and versions");
    }

    @Test
    void wantsTheDateOfTheName() {
        assertThatThrownBy(() -> read("# A title\n" + BLOCK.replace("01-02", "01-03")))
                .hasMessage(NAME + ": its block says 2026-01-03");
    }

    @Test
    void wantsACommit() {
        assertThatThrownBy(() -> read("# A title\n" + BLOCK.replace("abcdef0", "unknown")))
                .hasMessage(NAME + ": its block says commit unknown");
    }

    @Test
    void wantsFencesThatEnd() {
        assertThatThrownBy(() -> read("# A title\n```\nx\n"))
                .hasMessage(NAME + ": a fence is not closed");
    }

    @Test
    void wantsAsManyCellsAsColumns() {
        assertThatThrownBy(() -> read("# A title\n| a | b |\n|---|---|\n| 1 |\n" + BLOCK))
                .hasMessage(NAME + ": a row has 1 cells and there are 2 columns: [1]");
    }

    private ResultFile read(String text) throws IOException {
        return read(NAME, text);
    }

    private ResultFile read(String name, String text) throws IOException {
        return ResultFile.read(Files.writeString(folder.resolve(name), text));
    }
}

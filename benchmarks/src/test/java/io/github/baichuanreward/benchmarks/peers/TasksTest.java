package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TasksTest {

    @TempDir Path root;
    private Path folder;
    private Path lists;

    @BeforeEach
    void write() throws IOException {
        folder = root.resolve("some tasks");
        lists = Files.createDirectory(root.resolve("lists"));
        Files.writeString(lists.resolve("twos.txt"), "# twos; made by make.py\n3 5 5\n3 7 7\n");
    }

    @Test
    void writesTasksWithTheirIds() throws IOException {
        tasks("8 2048", "3", "twos:20", "34");

        List<Task> tasks = Task.read(folder);
        assertThat(tasks)
                .containsExactly(
                        new Task(Task.Kind.LOAD, "first", 1),
                        new Task(Task.Kind.WARM, "warm-up", 1),
                        new Task(Task.Kind.SPEED, "8", 3),
                        new Task(Task.Kind.SPEED, "2048", 3),
                        new Task(Task.Kind.SPEED, "twos", 1),
                        new Task(Task.Kind.LONE, "lone", 34));
        assertThat(tasks.get(3).sequences(folder).get(0)).hasSize(2048);
        assertThat(tasks.get(4).sequences(folder))
                .usingElementComparator(Arrays::compare)
                .containsExactlyElementsOf(
                        Workload.read(lists.resolve("twos.txt")).atMost(20).ids(300));
    }

    @Test
    void tellsTheLogOfEachTask() throws IOException {
        assertThat(tasks("8", "3", "twos:1000", "34"))
                .containsExactly(
                        "task load first 1 32 0 one sequence of 32 tokens",
                        "task warm warm-up 3 368 0 to warm up",
                        "task speed 8 1 8 0 one sequence",
                        "task speed twos 4 36 2 twos",
                        "task lone lone 1 128 0 one sequence of 128 tokens, 34 times in a turn");
    }

    @Test
    void measuresNoMoreThanAskedFor() throws IOException {
        tasks("", "3", "", "1");

        assertThat(Task.read(folder))
                .extracting(Task::name)
                .containsExactly("first", "warm-up", "lone");
    }

    @Test
    void refusesAListWithoutALimit() {
        for (String limited : List.of("twos", "twos:", "twos:0", "twos:many")) {
            assertThatThrownBy(() -> tasks("8", "3", limited, "34"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("\"" + limited + "\"");
        }
    }

    @Test
    void refusesTwoTasksOfOneName() {
        assertThatThrownBy(() -> tasks("8 8", "3", "", "34"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("two tasks are called 8");
    }

    @Test
    void quotesALineThatIsNoTask() throws IOException {
        Files.createDirectory(folder);
        for (String line : List.of("dance 8 1", "speed 8", "speed 8 x")) {
            Files.writeString(folder.resolve("tasks"), line + "\n");

            assertThatThrownBy(() -> Task.read(folder))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("not a task: " + line);
        }
    }

    private List<String> tasks(String lengths, String repeats, String limited, String lone)
            throws IOException {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
            Tasks.write(
                    out,
                    folder.toString(),
                    lists.toString(),
                    "300",
                    lengths,
                    repeats,
                    limited,
                    lone);
        }
        return printed.toString(StandardCharsets.UTF_8).lines().toList();
    }
}

package io.github.baichuanreward.rows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.baichuanreward.PromptAnswer;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonRowTest {

    private static final Map<String, String> REWARD = Map.of("reward", "0.5");

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"a": 1}                                   | {"a": 1, "reward": 0.5}
                    {}                                         | {"reward": 0.5}
                    { }                                        | {"reward": 0.5}
                    {"a":1 }                                   | {"a":1, "reward": 0.5}
                    {"n":[1.10, 1e400, -0, 12345678901234567890.0]} | {"n":[1.10, 1e400, -0, 12345678901234567890.0], "reward": 0.5}
                    {"s":"\\u4e2d\\/ \\ud800 }"}               | {"s":"\\u4e2d\\/ \\ud800 }", "reward": 0.5}
                    {"reward": -1.25e-3 , "z": {"reward": 1}}  | {"reward": 0.5 , "z": {"reward": 1}}
                    {"a": null, "reward": {"x": [1, "}"]}, "b": true} | {"a": null, "reward": 0.5, "b": true}
                    {"rew\\u0061rd": 1}                        | {"rew\\u0061rd": 0.5}
                    {"":"😀", "b":"x"}                         | {"":"😀", "b":"x", "reward": 0.5}
                    """)
    void splicesOneFieldAndLeavesTheRestAsItWas(String row, String expected) throws Exception {
        assertThat(JsonRow.parse(row, 1).with(REWARD)).isEqualTo(expected);
    }

    @Test
    void putsARowOfManyLinesOnOne() throws Exception {
        String row = "{\r\n  \"a\": [1,\n  2],\n  \"s\": \"x  y\"\n}\n";
        assertThat(JsonRow.parse(row, 1).with(REWARD))
                .isEqualTo("{ \"a\": [1, 2], \"s\": \"x  y\", \"reward\": 0.5}");
    }

    @Test
    void putsLongBlanksOnOneLineInTimeThatGrowsWithTheirLength() throws Exception {
        String blanks = " ".repeat(1_000_000);
        JsonRow row = JsonRow.parse("{\"a\":" + blanks + "\n1,\n\"s\": \"" + blanks + "\"}", 1);
        assertTimeoutPreemptively(
                Duration.ofSeconds(20),
                () ->
                        assertThat(row.with(REWARD))
                                .isEqualTo(
                                        "{\"a\": 1, \"s\": \"" + blanks + "\", \"reward\": 0.5}"));
    }

    @Test
    void setsSeveralFieldsOfWhichSomeExist() throws Exception {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("pieces", "[\"a\"]");
        fields.put("input_ids", "[7]");
        assertThat(JsonRow.parse("{\"input_ids\": [1, 2], \"x\": 3}", 1).with(fields))
                .isEqualTo("{\"input_ids\": [7], \"x\": 3, \"pieces\": [\"a\"]}");
    }

    @Test
    void changesNothingElseInRandomRows() throws Exception {
        ObjectMapper mapper =
                new ObjectMapper().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
        Random random = new Random(5);
        for (int i = 0; i < 3000; i++) {
            ObjectNode row = mapper.createObjectNode();
            int fields = random.nextInt(5);
            for (int f = 0; f < fields; f++) {
                row.set(randomText(random), randomValue(mapper, random, 3));
            }
            String text = random.nextBoolean() ? row.toString() : row.toPrettyString();
            String expected = row.deepCopy().put("reward", 0.5).toString();
            String actual = JsonRow.parse(text, 1).with(REWARD);
            assertThat(mapper.readTree(actual)).hasToString(expected);
        }
    }

    private static com.fasterxml.jackson.databind.JsonNode randomValue(
            ObjectMapper mapper, Random random, int depth) {
        return switch (random.nextInt(depth == 0 ? 5 : 7)) {
            case 0 -> mapper.getNodeFactory().numberNode(random.nextInt());
            case 1 -> mapper.getNodeFactory().numberNode(random.nextDouble());
            case 2 -> mapper.getNodeFactory().booleanNode(random.nextBoolean());
            case 3 -> mapper.getNodeFactory().nullNode();
            case 4 -> mapper.getNodeFactory().textNode(randomText(random));
            case 5 -> {
                var array = mapper.createArrayNode();
                for (int i = random.nextInt(4); i > 0; i--) {
                    array.add(randomValue(mapper, random, depth - 1));
                }
                yield array;
            }
            default -> {
                var object = mapper.createObjectNode();
                for (int i = random.nextInt(4); i > 0; i--) {
                    object.set(randomText(random), randomValue(mapper, random, depth - 1));
                }
                yield object;
            }
        };
    }

    private static String randomText(Random random) {
        String characters = "ab{}[],:\"\\ \n\té中😀";
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(6); i > 0; i--) {
            int at = characters.offsetByCodePoints(0, random.nextInt(16));
            text.appendCodePoint(characters.codePointAt(at));
        }
        return text.toString();
    }

    @Test
    void readsPromptAnswerAndHistory() throws Exception {
        JsonRow row =
                JsonRow.parse(
                        "{\"prompt\":\"\\u4e2d\",\"answer\":\"\",\"history\":[[\"q\",\"a\"],[\"r\",\"b\"]]}",
                        1);
        assertThat(row.promptAnswer())
                .isEqualTo(
                        new PromptAnswer(
                                "中",
                                "",
                                java.util.List.of(
                                        new PromptAnswer.Turn("q", "a"),
                                        new PromptAnswer.Turn("r", "b"))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "[]"})
    void takesAnEmptyHistoryForNone(String history) throws Exception {
        JsonRow row =
                JsonRow.parse("{\"prompt\":\"q\",\"answer\":\"a\",\"history\":" + history + "}", 1);
        assertThat(row.promptAnswer()).isEqualTo(new PromptAnswer("q", "a"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"answer":"a"}                             | field "prompt" is missing
                    {"prompt":"q"}                             | field "answer" is missing
                    {"prompt":1,"answer":"a"}                  | "prompt" must be a string, but is an integer
                    {"prompt":"q","answer":null}               | "answer" must be a string, but is null
                    {"prompt":"q","answer":["a"]}              | "answer" must be a string, but is an array
                    {"prompt":"q","answer":"a","history":"h"}  | "history" must be an array of [prompt, answer] pairs, but is a string
                    {"prompt":"q","answer":"a","history":["h"]} | "history"[0] must be a [prompt, answer] pair, but is a string
                    {"prompt":"q","answer":"a","history":[["h"]]} | "history"[0][1] must be a string, but is missing
                    {"prompt":"q","answer":"a","history":[["h","i"],["j",2]]} | "history"[1][1] must be a string, but is an integer
                    {"prompt":"q","answer":"a","history":[["h","i","j"]]} | "history"[0] must be a [prompt, answer] pair; it has more
                    """)
    void saysWhatIsWrongWithAPromptAndAnswer(String row, String reason) throws Exception {
        JsonRow parsed = JsonRow.parse(row, 7);
        RowException e = catchThrowableOfType(RowException.class, parsed::promptAnswer);
        assertThat(e.reason()).isEqualTo(reason);
        assertThat(e.line()).isEqualTo(7);
    }

    @Test
    void readsNestedValuesAndHistoryFromAnyField() throws Exception {
        JsonRow row =
                JsonRow.parse(
                        "{\"a\": [{\"b\": 1.5}], \"c\": \"[1]\", \"h\": [[\"q\", \"r\"]]}", 7);
        assertThat(row.json("a").get(0).get("b").doubleValue()).isEqualTo(1.5);
        assertThat(row.json("c").textValue()).isEqualTo("[1]");
        assertThat(row.history("h")).containsExactly(new PromptAnswer.Turn("q", "r"));
        assertThat(row.history("none")).isEmpty();
        assertThatThrownBy(() -> row.json("none")).hasMessage("field \"none\" is missing");
        assertThatThrownBy(() -> row.history("c"))
                .hasMessage("\"c\" must be an array of [prompt, answer] pairs, but is a string");
    }

    @Test
    void readsTokenIds() throws Exception {
        StringBuilder ids = new StringBuilder("0");
        for (int i = 1; i < 100; i++) {
            ids.append(", ").append(i);
        }
        int[] read = JsonRow.parse("{\"input_ids\": [" + ids + "]}", 1).ids("input_ids");
        assertThat(read).hasSize(100).startsWith(0, 1, 2).endsWith(99);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"input_ids":"5"}          | "input_ids" must be an array of integers, but is a string
                    {"input_ids":[1,2.5]}      | "input_ids"[1] must be an integer, but is a number with a fraction
                    {"input_ids":[[1]]}        | "input_ids"[0] must be an integer, but is an array
                    {"input_ids":[3000000000]} | "input_ids"[0] is 3000000000, too large for a token id
                    """)
    void saysWhatIsWrongWithTokenIds(String row, String reason) throws Exception {
        JsonRow parsed = JsonRow.parse(row, 7);
        assertThatThrownBy(() -> parsed.ids("input_ids")).hasMessage(reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    [1]                 | a row is an object, {...}, but this is an array
                    "x"                 | a row is an object, {...}, but this is a string
                    {"a":1} {"b":2}     | there is more after the row's closing brace
                    {"a":1,"a":2}       | not valid JSON at column 11: Duplicate field 'a'
                    {"a":1,}            | not valid JSON at column 8: Unexpected character ('}' (code 125)): was expecting double-quote to start field name
                    {"a":NaN}           | not valid JSON at column 9: Non-standard token 'NaN' is not JSON
                    {'a':1}             | not valid JSON at column 2: Unexpected character (''' (code 39)): was expecting double-quote to start field name
                    {"a":1              | not valid JSON at column 7: Unexpected end-of-input: expected close marker for Object
                    """)
    void saysWhatIsNotARow(String row, String reason) {
        assertThatThrownBy(() -> JsonRow.parse(row, 1)).hasMessage(reason);
    }

    @Test
    void passesLongNamesThrough() throws Exception {
        String row = "{\"" + "n".repeat(100_000) + "\": 1";
        assertThat(JsonRow.parse(row + "}", 1).with(REWARD)).isEqualTo(row + ", \"reward\": 0.5}");
    }

    @Test
    void refusesWhatIsNestedTooDeep() throws Exception {
        String deepest = "{\"a\": " + "[".repeat(999) + "]".repeat(999);
        assertThat(JsonRow.parse(deepest + "}", 1).with(REWARD))
                .isEqualTo(deepest + ", \"reward\": 0.5}");
        String tooDeep = "{\"a\": " + "[".repeat(1000) + "]".repeat(1000) + "}";
        RowException e = catchThrowableOfType(RowException.class, () -> JsonRow.parse(tooDeep, 7));
        assertThat(e.line()).isEqualTo(7);
        assertThat(e.reason())
                .isEqualTo(
                        "cannot be read: Document nesting depth (1001) exceeds the maximum allowed (1000)");
    }

    @Test
    void countsColumnsFromTheLinesBeginning() throws Exception {
        assertThat(JsonRow.parse(" \t{\"a\": 1} \r", 1).with(REWARD))
                .isEqualTo("{\"a\": 1, \"reward\": 0.5}");
        assertThatThrownBy(() -> JsonRow.parse("   {\"a\" 1}", 1))
                .hasMessageStartingWith("not valid JSON at column 9: ");
        assertThatThrownBy(() -> JsonRow.parse("\u3000{\"a\": 1}", 1))
                .hasMessageStartingWith("not valid JSON at column 1: ");
    }

    @Test
    void countsLinesInsideARow() {
        RowException e =
                catchThrowableOfType(
                        RowException.class, () -> JsonRow.parse("{\n\"a\": 1,\n\"b\" 2}", 10));
        assertThat(e.line()).isEqualTo(12);
    }
}

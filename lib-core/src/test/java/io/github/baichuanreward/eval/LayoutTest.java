package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.PromptAnswer.Turn;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows whose own fields tell what they are: what is read from each kind, and what is refused. */
class LayoutTest {

    private static final Layout.Texts WITHOUT_HISTORY =
            new Layout.Texts("q", List.of(), List.of("a", "b"));

    private static final Layout.Texts WITH_HISTORY =
            new Layout.Texts(
                    "q", List.of(new Turn("p", "o"), new Turn("r", "s")), List.of("a", "b"));

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'instruction': 'q', 'output': ['a', 'b']}",
                "{'instruction': 'q', 'input': '', 'output': ['a', 'b'], 'history': []}",
                "{'instruction': 'q', 'input': null, 'output': ['a', 'b'], 'history': null}",
                "{'instruction': '', 'input': 'q', 'output': ['a', 'b']}",
                "{'instruction': 'q', 'chosen': 'a', 'rejected': 'b', 'output': 'x'}",
                "{'prompt': 'q', 'chosen': 'a', 'rejected': 'b'}",
                "{'prompt': 'q', 'chosen': 'a', 'chosen_model': 'x', 'rejected': 'b', 'id': 5}",
                "{'prompt': 'q', 'pos_resp': 'a', 'neg_resp': 'b', 'pos_type': 'x'}",
                "{'prompt': [{'role': 'user', 'content': 'q'}],"
                        + " 'chosen': [{'role': 'assistant', 'content': 'a'}],"
                        + " 'rejected': [{'role': 'assistant', 'content': 'b'}]}",
                "{'prompt': [{'role': 'user', 'content': 'q'}], 'chosen': 'a', 'rejected': 'b'}",
                "{'chosen': [{'role': 'user', 'content': 'q'},"
                        + " {'role': 'assistant', 'content': 'a'}],"
                        + " 'rejected': [{'role': 'user', 'content': 'q'},"
                        + " {'role': 'assistant', 'content': 'b'}]}",
                "{'prompt': 'shown only',"
                        + " 'chosen': [{'role': 'system', 'content': ''},"
                        + " {'role': 'user', 'content': 'q'},"
                        + " {'role': 'assistant', 'content': 'a', 'name': 'x'}],"
                        + " 'rejected': [{'role': 'user', 'content': 'q'},"
                        + " {'role': 'assistant', 'content': 'b'}]}",
                "{'conversations': [{'from': 'human', 'value': 'q'}],"
                        + " 'chosen': {'from': 'gpt', 'value': 'a'},"
                        + " 'rejected': {'from': 'gpt', 'value': 'b'}}",
                "{'conversations': [{'role': 'user', 'content': 'q'}],"
                        + " 'chosen': {'role': 'assistant', 'content': 'a'},"
                        + " 'rejected': {'role': 'assistant', 'content': 'b'}}",
            })
    void readsOneTurn(String row) throws Exception {
        assertThat(texts(row)).isEqualTo(WITHOUT_HISTORY);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'instruction': 'q', 'output': ['a', 'b'], 'history': [['p', 'o'], ['r', 's']]}",
                "{'instruction': 'q', 'chosen': 'a', 'rejected': 'b',"
                        + " 'history': [['p', 'o'], ['r', 's']]}",
                "{'prompt': 'q', 'chosen': 'a', 'rejected': 'b',"
                        + " 'history': [['p', 'o'], ['r', 's']]}",
                "{'prompt': [{'role': 'user', 'content': 'p'},"
                        + " {'role': 'assistant', 'content': 'o'},"
                        + " {'role': 'user', 'content': 'r'},"
                        + " {'role': 'assistant', 'content': 's'},"
                        + " {'role': 'user', 'content': 'q'}],"
                        + " 'chosen': [{'role': 'assistant', 'content': 'a'}],"
                        + " 'rejected': [{'role': 'assistant', 'content': 'b'}]}",
                "{'conversations': [{'from': 'human', 'value': 'p'},"
                        + " {'from': 'gpt', 'value': 'o'},"
                        + " {'from': 'human', 'value': 'r'},"
                        + " {'from': 'gpt', 'value': 's'},"
                        + " {'from': 'human', 'value': 'q'}],"
                        + " 'chosen': {'from': 'gpt', 'value': 'a'},"
                        + " 'rejected': {'from': 'gpt', 'value': 'b'}}",
            })
    void readsEarlierTurns(String row) throws Exception {
        assertThat(texts(row)).isEqualTo(WITH_HISTORY);
    }

    @Test
    void putsTheInputOnALineOfItsOwn() throws Exception {
        assertThat(texts("{'instruction': 'q', 'input': 'i', 'output': ['a', 'b']}").prompt())
                .isEqualTo("q\ni");
    }

    @Test
    void keepsAllAnswersInTheirOrderAndEqualOnes() throws Exception {
        assertThat(texts("{'instruction': 'q', 'output': ['c', 'a', 'a', 'b']}").answers())
                .containsExactly("c", "a", "a", "b");
    }

    @Test
    void takesEqualConversationsForATie() throws Exception {
        String same = "[{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}]";
        assertThat(texts("{'chosen': " + same + ", 'rejected': " + same + "}"))
                .isEqualTo(new Layout.Texts("q", List.of(), List.of("a", "a")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {'text': 'x'}                               | a row needs "instruction" and "output"; "prompt", "chosen" and "rejected"; "conversations", "chosen" and "rejected"; or "prompt", "pos_resp" and "neg_resp"
                    {'output': ['a', 'b']}                      | field "instruction" is missing
                    {'instruction': 'q'}                        | field "output" is missing
                    {'instruction': 5, 'output': ['a', 'b']}    | "instruction" must be a string, but is an integer
                    {'instruction': '', 'output': ['a', 'b']}   | "instruction" is empty; a prompt needs text
                    {'instruction': '', 'output': ['a', 'b'], 'history': [['p', 'o']]} | "instruction" is empty; a prompt needs text
                    {'instruction': 'q', 'input': ['x'], 'output': ['a', 'b']} | "input" must be a string, but is an array
                    {'instruction': 'q', 'output': 'a'}         | "output" must be a JSON array of answers, the best first, but is a string
                    {'instruction': 'q', 'output': null}        | "output" must be a JSON array of answers, the best first, but is null
                    {'instruction': 'q', 'output': []}          | "output" holds no answer; a comparison needs two or more, the best first
                    {'instruction': 'q', 'output': ['a']}       | "output" holds one answer; a comparison needs two or more, the best first
                    {'instruction': 'q', 'output': ['a', 2]}    | "output"[1] must be a string, but is an integer
                    {'instruction': 'q', 'output': ['a', 'b', '']} | "output"[2] is empty; an answer needs text
                    {'instruction': 'q', 'output': ['a', 'b'], 'history': 'h'} | "history" must be an array of [prompt, answer] pairs, but is a string
                    {'instruction': 'q', 'output': ['a', 'b'], 'history': [['h']]} | "history"[0][1] must be a string, but is missing
                    {'prompt': 'q', 'chosen': 'a'}              | field "rejected" is missing
                    {'prompt': 'q', 'rejected': 'b'}            | field "chosen" is missing
                    {'chosen': 'a', 'rejected': 'b'}            | field "prompt" is missing
                    {'prompt': '', 'chosen': 'a', 'rejected': 'b'} | "prompt" is empty; a prompt needs text
                    {'prompt': 'q', 'chosen': 'a', 'rejected': ''} | "rejected" is empty; an answer needs text
                    {'prompt': 'q', 'chosen': ['a'], 'rejected': 'b'} | "chosen" must be a string, but is an array
                    {'prompt': 'q', 'pos_resp': 'a', 'neg_resp': ''} | "neg_resp" is empty; an answer needs text
                    {'prompt': 'q', 'neg_resp': 'b'}            | field "pos_resp" is missing
                    """)
    void saysWhatIsWrongWithTexts(String row, String reason) {
        assertThatThrownBy(() -> texts(row)).hasMessage(reason);
    }

    /** Messages are written u:text and a:text here, and s:text for a system message. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    [u:q,a:a]             | [u:q,a:]              | "rejected"[1] is empty; an answer needs text
                    [u:q,a:a]             | [u:Q,a:b]             | "chosen" and "rejected" differ before their last messages; both must answer the same prompt
                    [u:q,a:a]             | [u:q,a:o,u:p,a:b]     | "chosen" and "rejected" differ before their last messages; both must answer the same prompt
                    [u:q,a:a]             | [u:q,u:b]             | "rejected"[1] is from "user", but an answer is from "assistant"
                    [u:q,a:a]             | `b`                   | "rejected" must be an array of messages, but is a string
                    [a:a]                 | [a:b]                 | "chosen" has no prompt: a message from "user" before the answer
                    [u:,a:a]              | [u:,a:b]              | "chosen"[0] is empty; a prompt needs text
                    [s:x,u:q,a:a]         | [s:x,u:q,a:b]         | "chosen"[0] is a system message, which the templates have no place for; put its text into the first prompt
                    [u:q,s:x,u:q,a:a]     | [u:q,s:x,u:q,a:b]     | "chosen"[1] is a system message, which the templates have no place for; put its text into the first prompt
                    [u:q,a:o,a:a]         | [u:q,a:o,a:b]         | "chosen" has no prompt: the last message before the answer is from "assistant"
                    [u:q,u:r,a:o,a:a]     | [u:q,u:r,a:o,a:b]     | "chosen"[1] is from "user", but "user" and "assistant" must take turns, "user" first
                    [u:q,t:r,u:o,a:a]     | [u:q,t:r,u:o,a:b]     | "chosen"[1] is from "tool", but "user" and "assistant" must take turns, "user" first
                    """)
    void saysWhatIsWrongWithConversations(String chosen, String rejected, String reason) {
        String row = "{'chosen': %s, 'rejected': %s}".formatted(json(chosen), json(rejected));
        assertThatThrownBy(() -> texts(row)).hasMessage(reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    [u:q] | [a:a]     | [u:p,a:b] | "rejected" holds 2 messages; behind the prompt only the answer may stand
                    [u:q] | [a:a]     | []        | "rejected" is empty; an answer is a message
                    [u:q] | [u:a]     | [a:b]     | "chosen"[0] is from "user", but an answer is from "assistant"
                    [u:q,a:o] | [a:a] | [a:b]     | "prompt" has no prompt: the last message before the answer is from "assistant"
                    [u:q] | [u]       | [a:b]     | "chosen"[0] is a message without "content"
                    [u:q] | [a:a]     | [5]       | "rejected"[0] must be a message, {"role": ..., "content": ...}, but is an integer
                    [u:q,5] | [a:a]   | [a:b]     | "prompt"[1] must be a message, {"role": ..., "content": ...}, but is an integer
                    """)
    void saysWhatIsWrongWithAPromptOfMessages(
            String prompt, String chosen, String rejected, String reason) {
        String row =
                "{'prompt': %s, 'chosen': %s, 'rejected': %s}"
                        .formatted(json(prompt), json(chosen), json(rejected));
        assertThatThrownBy(() -> texts(row)).hasMessage(reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    []              | {'from': 'gpt', 'value': 'a'}   | "conversations" has no prompt: a message from "human" before the answer
                    'q'             | {'from': 'gpt', 'value': 'a'}   | "conversations" must be an array of messages, but is a string
                    [{'from': 'human', 'value': 'q'}] | {'from': 'human', 'value': 'a'} | "chosen" is from "human", but an answer is from "gpt"
                    [{'from': 'human', 'value': 'q'}] | {'from': 'gpt', 'value': ''} | "chosen" is empty; an answer needs text
                    [{'from': 'human', 'value': 'q'}] | {'from': 'gpt'}  | "chosen" is a message without "value"
                    [{'from': 'human', 'value': 'q'}] | 'a'           | "chosen" must be a message, {"from": ..., "value": ...}, but is a string
                    [{'from': 'human', 'value': ['q']}] | {'from': 'gpt', 'value': 'a'} | "conversations"[0].value must be a string, but is an array
                    [{'from': 'gpt', 'value': 'q'}] | {'from': 'gpt', 'value': 'a'} | "conversations"[0] is from "gpt", but "human" and "gpt" must take turns, "human" first
                    [{'from': 'human', 'value': 'q'}, {'from': 'gpt', 'value': 'o'}] | {'from': 'gpt', 'value': 'a'} | "conversations" has no prompt: the last message before the answer is from "gpt"
                    [{'from': 'system', 'value': 'x'}, {'from': 'human', 'value': 'q'}] | {'from': 'gpt', 'value': 'a'} | "conversations"[0] is a system message, which the templates have no place for; put its text into the first prompt
                    [{'from': 'observation', 'value': 'x'}] | {'from': 'gpt', 'value': 'a'} | "conversations"[0] is from "observation", but "human" and "gpt" must take turns, "human" first
                    """)
    void saysWhatIsWrongWithShareGpt(String conversations, String chosen, String reason) {
        String row =
                "{'conversations': %s, 'chosen': %s, 'rejected': {'from': 'gpt', 'value': 'b'}}"
                        .formatted(conversations, chosen);
        assertThatThrownBy(() -> texts(row)).hasMessage(reason);
    }

    @Test
    void readsCellsOfTables() throws Exception {
        assertThat(
                        cells(
                                "instruction,input,output,history\n"
                                        + "q,,\"[\"\"a\"\", \"\"b\"\"]\",\"[[\"\"p\"\",\"\"o\"\"],"
                                        + "[\"\"r\"\",\"\"s\"\"]]\"\n"))
                .isEqualTo(WITH_HISTORY);
        assertThat(cells("instruction,output,history\nq,\"[\"\"a\"\",\"\"b\"\"]\",\n"))
                .isEqualTo(WITHOUT_HISTORY);
    }

    @Test
    void takesAnswersInCellsThatOnlyLookLikeListsForTexts() throws Exception {
        assertThat(cells("prompt,chosen,rejected\nq,\"[1, 2]\",[{}]\n").answers())
                .containsExactly("[1, 2]", "[{}]");
    }

    @Test
    void saysWhatIsWrongWithCells() {
        assertThatThrownBy(() -> cells("instruction,output\nq,a\n"))
                .hasMessage(
                        "\"output\" must be a JSON array of answers, the best first, but is a string");
        assertThatThrownBy(
                        () -> cells("instruction,output,history\nq,\"[\"\"a\"\",\"\"b\"\"]\",h\n"))
                .hasMessage(
                        "\"history\" must be a JSON array of [prompt, answer] pairs, but is \"h\"");
        assertThatThrownBy(() -> cells("instruction,answer\nq,a\n"))
                .hasMessage(
                        "a row needs column \"output\"; the columns, as the file's first row names"
                                + " them, are \"instruction\", \"answer\"");
    }

    /** A list of messages in the short form of the tests above. */
    private static String json(String messages) {
        return messages.replaceAll("t:(\\w*)", "{'role': 'tool', 'content': '$1'}")
                .replaceAll("\\bu:(\\w*)", "{'role': 'user', 'content': '$1'}")
                .replaceAll("\\ba:(\\w*)", "{'role': 'assistant', 'content': '$1'}")
                .replaceAll("\\bs:(\\w*)", "{'role': 'system', 'content': '$1'}")
                .replaceAll("\\[u\\]", "[{'role': 'user'}]")
                .replaceAll("^(\\w)$", "'$1'");
    }

    private static Layout.Texts texts(String row) throws Exception {
        return read(row.replace('\'', '"'), RowFormat.JSON_LINES);
    }

    private static Layout.Texts cells(String file) throws Exception {
        return read(file, RowFormat.CSV);
    }

    private static Layout.Texts read(String file, RowFormat format) throws Exception {
        byte[] bytes = file.getBytes(StandardCharsets.UTF_8);
        try (RowReader reader = RowReader.of(new ByteArrayInputStream(bytes), format)) {
            Row row = Objects.requireNonNull(reader.next());
            return new RecognisedLayout().texts(row);
        }
    }
}

package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.util.List;

/**
 * Rows with the fields {@code prompt}, {@code chosen} and {@code rejected}, as TRL and RewardBench
 * have them: texts, or lists of messages.
 *
 * <p>Where the answers are whole conversations, all but their last messages are the prompt, and
 * must be the same in both; a text in {@code prompt} then only repeats it.
 */
final class PreferenceLayout implements Layout {

    private static final String PROMPT = "prompt";
    private static final String CHOSEN = "chosen";
    private static final String REJECTED = "rejected";

    private static final Layout TEXTS =
            new TextLayout(PROMPT, null, "history", List.of(CHOSEN, REJECTED));

    @Override
    public Texts texts(Row row) throws RowException {
        boolean conversation = row.has(PROMPT) && areMessages(row.json(PROMPT));
        if (!areMessages(row.json(CHOSEN)) && !areMessages(row.json(REJECTED))) {
            return conversation
                    ? messages(row, PROMPT)
                            .answeredBy(Fields.answer(row, CHOSEN), Fields.answer(row, REJECTED))
                    : TEXTS.texts(row);
        }
        Messages chosen = messages(row, CHOSEN);
        Messages rejected = messages(row, REJECTED);
        if (conversation) {
            return messages(row, PROMPT).answeredBy(chosen.onlyAnswer(), rejected.onlyAnswer());
        }
        Messages prompt = chosen.allButLast();
        if (!prompt.sameAs(rejected.allButLast())) {
            throw Fields.bad(
                    row,
                    "\"chosen\" and \"rejected\" differ before their last messages; both must answer"
                            + " the same prompt");
        }
        return prompt.answeredBy(chosen.lastAnswer(), rejected.lastAnswer());
    }

    private static Messages messages(Row row, String name) throws RowException {
        return Messages.array(row, name, MessageTags.OPENAI);
    }

    /** In a table, a text may be an array of something else, and is a text all the same. */
    private static boolean areMessages(JsonNode json) {
        return json.isArray() && json.path(0).isObject() && json.path(0).has("role");
    }
}

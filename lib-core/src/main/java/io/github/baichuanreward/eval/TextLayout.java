package io.github.baichuanreward.eval;

import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rows whose prompt and answers are texts, each in a field of its own: those of
 * LLaMA-Efficient-Tuning, of CValues, and many others.
 *
 * @param prompt field of the prompt
 * @param query field of a text that goes behind the prompt, on a line of its own; null for none
 * @param history field of earlier turns, pairs of texts; null for none
 * @param answers one field that holds all answers, the best first; or two fields, the better
 *     answer's first
 */
record TextLayout(
        String prompt, @Nullable String query, @Nullable String history, List<String> answers)
        implements Layout {

    @Override
    public Texts texts(Row row) throws RowException {
        return new Texts(
                prompt(row), history == null ? List.of() : row.history(history), answers(row));
    }

    private String prompt(Row row) throws RowException {
        String first = row.string(prompt);
        String second = Fields.textOrEmpty(row, query);
        if (first.isEmpty() && second.isEmpty()) {
            throw Fields.bad(row, JsonRow.quote(prompt) + " is empty; a prompt needs text");
        }
        return first.isEmpty() || second.isEmpty() ? first + second : first + "\n" + second;
    }

    private List<String> answers(Row row) throws RowException {
        if (answers.size() == 1) {
            return Fields.answers(row, answers.get(0));
        }
        List<String> texts = new ArrayList<>();
        for (String name : answers) {
            texts.add(Fields.answer(row, name));
        }
        return texts;
    }
}

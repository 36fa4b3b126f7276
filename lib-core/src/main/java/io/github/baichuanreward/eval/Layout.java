package io.github.baichuanreward.eval;

import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.util.List;

/** Where rows of one kind have the texts of a comparison. */
interface Layout {

    /**
     * The texts of a comparison.
     *
     * @param prompt not empty
     * @param history oldest first
     * @param answers two or more, none of them empty, the best first
     */
    record Texts(String prompt, List<PromptAnswer.Turn> history, List<String> answers) {}

    /**
     * Finds the texts of a row.
     *
     * @throws RowException if there is something else where they should be
     */
    Texts texts(Row row) throws RowException;
}

package io.github.baichuanreward.eval;

import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;

/**
 * Rows of a conversation and two messages that could go on with it, as LLaMA-Factory ranks them.
 *
 * @param messages field of the conversation, which ends with the user's message
 * @param chosen field of the better answer, a message
 * @param rejected field of the worse answer, a message
 * @param tags what messages call their parts
 */
record ShareGptLayout(String messages, String chosen, String rejected, MessageTags tags)
        implements Layout {

    @Override
    public Texts texts(Row row) throws RowException {
        return Messages.array(row, messages, tags)
                .answeredBy(
                        Messages.one(row, chosen, tags).onlyAnswer(),
                        Messages.one(row, rejected, tags).onlyAnswer());
    }
}

package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.util.List;

/** Rows whose own fields tell how they are laid out. */
final class RecognisedLayout implements Layout {

    private static final String CONVERSATIONS = "conversations";
    private static final String INSTRUCTION = "instruction";
    private static final String CHOSEN = "chosen";
    private static final String REJECTED = "rejected";

    private static final Layout RANKED = alpaca(List.of("output"));
    private static final Layout PAIRED = alpaca(List.of(CHOSEN, REJECTED));
    private static final Layout CVALUES =
            new TextLayout("prompt", null, null, List.of("pos_resp", "neg_resp"));
    private static final Layout PREFERENCE = new PreferenceLayout();

    private static Layout alpaca(List<String> answers) {
        return new TextLayout(INSTRUCTION, "input", "history", answers);
    }

    @Override
    public Texts texts(Row row) throws RowException {
        return layout(row).texts(row);
    }

    private static Layout layout(Row row) throws RowException {
        if (row.has(CONVERSATIONS)) {
            return new ShareGptLayout(
                    CONVERSATIONS, CHOSEN, REJECTED, tags(row.json(CONVERSATIONS)));
        }
        if (row.has(CHOSEN) || row.has(REJECTED)) {
            return row.has(INSTRUCTION) ? PAIRED : PREFERENCE;
        }
        if (row.has("pos_resp") || row.has("neg_resp")) {
            return CVALUES;
        }
        if (row.has(INSTRUCTION) || row.has("output")) {
            return RANKED;
        }
        throw row.needs(
                "\"instruction\" and \"output\"; \"prompt\", \"chosen\" and \"rejected\";"
                        + " \"conversations\", \"chosen\" and \"rejected\"; or \"prompt\","
                        + " \"pos_resp\" and \"neg_resp\"");
    }

    private static MessageTags tags(JsonNode messages) {
        return messages.path(0).has(MessageTags.OPENAI.role())
                ? MessageTags.OPENAI
                : MessageTags.SHAREGPT;
    }
}

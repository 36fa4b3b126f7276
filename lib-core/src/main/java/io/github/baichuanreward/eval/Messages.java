package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.util.ArrayList;
import java.util.List;

/**
 * Messages in a field of a row: from the user and the assistant by turns, the user first.
 *
 * <p>A system message is an error, unless it is empty: the templates of these models have a fixed
 * text in its place, and no reward model was trained with another.
 */
final class Messages {

    /** A message, and where it stands. */
    private record Message(String role, String content, String place) {}

    private final Row row;
    private final String place;
    private final MessageTags tags;
    private final List<Message> messages;

    private Messages(Row row, String place, MessageTags tags, List<Message> messages) {
        this.row = row;
        this.place = place;
        this.tags = tags;
        this.messages = messages;
    }

    /**
     * Reads an array of messages.
     *
     * @throws RowException if the field holds anything else
     */
    static Messages array(Row row, String name, MessageTags tags) throws RowException {
        String place = JsonRow.quote(name);
        JsonNode array = row.json(name);
        if (!array.isArray()) {
            throw Fields.bad(
                    row, place + " must be an array of messages, but is " + JsonRow.kind(array));
        }
        List<Message> messages = new ArrayList<>(array.size());
        for (int i = 0; i < array.size(); i++) {
            Message message = message(row, place + "[" + i + "]", array.get(i), tags);
            if (i > 0 || !message.role.equals(tags.system()) || !message.content.isEmpty()) {
                messages.add(message);
            }
        }
        return new Messages(row, place, tags, messages);
    }

    /**
     * Reads a single message.
     *
     * @throws RowException if the field holds anything else
     */
    static Messages one(Row row, String name, MessageTags tags) throws RowException {
        String place = JsonRow.quote(name);
        return new Messages(row, place, tags, List.of(message(row, place, row.json(name), tags)));
    }

    private static Message message(Row row, String place, JsonNode json, MessageTags tags)
            throws RowException {
        if (!json.isObject()) {
            throw Fields.bad(
                    row,
                    "%s must be a message, {%s: ..., %s: ...}, but is %s"
                            .formatted(
                                    place,
                                    JsonRow.quote(tags.role()),
                                    JsonRow.quote(tags.content()),
                                    JsonRow.kind(json)));
        }
        return new Message(
                part(row, place, json, tags.role()), part(row, place, json, tags.content()), place);
    }

    private static String part(Row row, String place, JsonNode message, String name)
            throws RowException {
        JsonNode part = message.get(name);
        if (part == null) {
            throw Fields.bad(row, place + " is a message without " + JsonRow.quote(name));
        }
        return Fields.string(row, place + "." + name, part);
    }

    /** All but the last message. */
    Messages allButLast() {
        return new Messages(
                row, place, tags, messages.subList(0, Math.max(0, messages.size() - 1)));
    }

    /** Whether these are the same messages. */
    boolean sameAs(Messages other) {
        if (messages.size() != other.messages.size()) {
            return false;
        }
        for (int i = 0; i < messages.size(); i++) {
            Message mine = messages.get(i);
            Message others = other.messages.get(i);
            if (!mine.role.equals(others.role) || !mine.content.equals(others.content)) {
                return false;
            }
        }
        return true;
    }

    /**
     * The text of the last message, which must be the assistant's.
     *
     * @throws RowException if there is none, or somebody else's
     */
    String lastAnswer() throws RowException {
        if (messages.isEmpty()) {
            throw Fields.bad(row, place + " is empty; an answer is a message");
        }
        Message last = messages.get(messages.size() - 1);
        if (!last.role.equals(tags.assistant())) {
            throw Fields.bad(
                    row,
                    "%s is from %s, but an answer is from %s"
                            .formatted(
                                    last.place,
                                    Fields.shown(last.role),
                                    JsonRow.quote(tags.assistant())));
        }
        if (last.content.isEmpty()) {
            throw Fields.bad(row, last.place + " is empty; an answer needs text");
        }
        return last.content;
    }

    /**
     * The text of the only message, which must be the assistant's.
     *
     * @throws RowException if there are more, none, or somebody else's
     */
    String onlyAnswer() throws RowException {
        if (messages.size() > 1) {
            throw Fields.bad(
                    row,
                    "%s holds %d messages; behind the prompt only the answer may stand"
                            .formatted(place, messages.size()));
        }
        return lastAnswer();
    }

    /**
     * What the answers reply to: the last message, and the turns before it.
     *
     * @throws RowException if user and assistant do not take turns, or the user is not the first
     *     and the last
     */
    Layout.Texts answeredBy(String chosen, String rejected) throws RowException {
        for (int i = 0; i < messages.size(); i++) {
            requireRole(messages.get(i), i % 2 == 0 ? tags.user() : tags.assistant());
        }
        if (messages.size() % 2 == 0) {
            throw Fields.bad(
                    row,
                    messages.isEmpty()
                            ? "%s has no prompt: a message from %s before the answer"
                                    .formatted(place, JsonRow.quote(tags.user()))
                            : "%s has no prompt: the last message before the answer is from %s"
                                    .formatted(place, JsonRow.quote(tags.assistant())));
        }
        Message prompt = messages.get(messages.size() - 1);
        if (prompt.content.isEmpty()) {
            throw Fields.bad(row, prompt.place + " is empty; a prompt needs text");
        }
        return new Layout.Texts(prompt.content, turns(), List.of(chosen, rejected));
    }

    private List<PromptAnswer.Turn> turns() {
        List<PromptAnswer.Turn> turns = new ArrayList<>(messages.size() / 2);
        for (int i = 0; i + 1 < messages.size(); i += 2) {
            turns.add(new PromptAnswer.Turn(messages.get(i).content, messages.get(i + 1).content));
        }
        return turns;
    }

    private void requireRole(Message message, String role) throws RowException {
        if (message.role.equals(role)) {
            return;
        }
        throw Fields.bad(
                row,
                message.role.equals(tags.system())
                        ? message.place
                                + " is a system message, which the templates have no place for; put"
                                + " its text into the first prompt"
                        : "%s is from %s, but %s and %s must take turns, %s first"
                                .formatted(
                                        message.place,
                                        Fields.shown(message.role),
                                        JsonRow.quote(tags.user()),
                                        JsonRow.quote(tags.assistant()),
                                        JsonRow.quote(tags.user())));
    }
}

package org.poststack.liquibase;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.changelog.visitor.AbstractChangeExecListener;
import liquibase.database.Database;

/**
 * What happens, as one JSON object a line on standard output. Keys: event, then file, id, author of the changeset the
 * event is about, then what belongs to the event. Liquibase's own log goes to standard error.
 */
final class Report extends AbstractChangeExecListener {
  private final PrintStream out;
  private final List<ChangeSet> undoable = new ArrayList<>();
  private BooleanSupplier clean = () -> false;
  private ChangeSet current;
  private long begun;

  Report(PrintStream out) {
    this.out = out;
  }

  /** Sets how to ask whether all that Liquibase has committed is in the database for good. */
  void ask(BooleanSupplier question) {
    clean = question;
  }

  /** The changeset that runs, or ran last; null before the first. */
  ChangeSet current() {
    return current;
  }

  @Override
  public void willRun(ChangeSet set, DatabaseChangeLog log, Database db, ChangeSet.RunStatus status) {
    begin(set);
  }

  @Override
  public void ran(ChangeSet set, DatabaseChangeLog log, Database db, ChangeSet.ExecType type) {
    Map<String, Object> event = event("applied", set);
    event.put("type", type.toString());
    event.put("ms", (System.nanoTime() - begun) / 1_000_000);
    boolean kept = clean.getAsBoolean();
    event.put("kept", kept ? 1 : null); // cannot be undone any more
    emit(event);
    if (!kept) {
      undoable.add(set);
    }
  }

  @Override
  public void willRollback(ChangeSet set, DatabaseChangeLog log, Database db) {
    begin(set);
  }

  @Override
  public void rolledBack(ChangeSet set, DatabaseChangeLog log, Database db) {
    Map<String, Object> event = event("rolledback", set);
    event.put("ms", (System.nanoTime() - begun) / 1_000_000);
    emit(event);
    undoable.add(set);
  }

  private void begin(ChangeSet set) {
    current = set;
    begun = System.nanoTime();
    emit(event("running", set));
  }

  /** Everything so far is in the database for good. */
  void committed() {
    undoable.clear();
    emit(event("committed", null));
  }

  /** What was not committed is undone: one event "undone" for each such changeset. */
  void abandoned() {
    for (ChangeSet set : undoable) {
      emit(event("undone", set));
    }
    undoable.clear();
  }

  static Map<String, Object> event(String name, ChangeSet set) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("event", name);
    if (set != null) {
      event.put("file", set.getFilePath());
      event.put("id", set.getId());
      event.put("author", set.getAuthor());
    }
    return event;
  }

  /** Writes one event and flushes. Values are numbers or become strings; null values are left out. */
  synchronized void emit(Map<String, Object> event) {
    StringBuilder line = new StringBuilder("{");
    for (Map.Entry<String, Object> entry : event.entrySet()) {
      if (entry.getValue() == null) {
        continue;
      }
      line.append(line.length() > 1 ? "," : "").append(quote(entry.getKey())).append(':');
      line.append(entry.getValue() instanceof Number ? entry.getValue() : quote(entry.getValue().toString()));
    }
    out.println(line.append('}'));
    out.flush();
  }

  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < ' ') {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }
}

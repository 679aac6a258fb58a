package org.poststack.liquibase;

import java.io.PrintStream;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import liquibase.change.Change;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.changelog.visitor.AbstractChangeExecListener;
import liquibase.database.Database;
import liquibase.listener.SqlListener;
import org.postgresql.util.PSQLWarning;

/**
 * What happens, as one JSON object a line on standard output. Keys: event, then file, id, author of the changeset the
 * event is about, then what belongs to the event. Liquibase's own log goes to standard error.
 */
final class Report extends AbstractChangeExecListener {
  private final PrintStream out;
  private final List<String> statements = new ArrayList<>();
  private List<ChangeSet> sets = List.of();
  private ChangeSet current;
  private boolean changing;
  private boolean listening;
  private boolean recorded;
  private long begun;

  Report(PrintStream out) {
    this.out = out;
  }

  /** Takes note of what was read. */
  void read(DatabaseChangeLog log) {
    sets = log.getChangeSets();
  }

  /** The changesets that were read. */
  List<ChangeSet> sets() {
    return sets;
  }

  /** The changeset that runs, or ran last; null before the first. */
  ChangeSet current() {
    return current;
  }

  /** The statements of the current changeset that have begun, in order. */
  List<String> statements() {
    return statements;
  }

  /** How many statements of the current changeset have run, when the last one failed. */
  int ran() {
    return Math.max(0, statements.size() - 1);
  }

  /** Whether a change of the current changeset has begun and not ended: it runs, or has failed. */
  boolean changing() {
    return changing;
  }

  /** Whether the current changeset is done and written down: what Liquibase commits next is all of it. */
  boolean recorded() {
    return recorded;
  }

  @Override
  public void willRun(ChangeSet set, DatabaseChangeLog log, Database db, ChangeSet.RunStatus status) {
    begin(set);
  }

  @Override
  public void willRun(Change change, ChangeSet set, DatabaseChangeLog log, Database db) {
    changing = true; // what ran before this were the questions of its preconditions
  }

  @Override
  public void ran(Change change, ChangeSet set, DatabaseChangeLog log, Database db) {
    changing = false;
  }

  /** Hears the statements of changesets. */
  SqlListener listener() {
    return new SqlListener() {
      @Override
      public void writeSqlWillRun(String sql) {
        if (changing && listening) {
          statements.add(sql);
        }
      }
    };
  }

  @Override
  public void ran(ChangeSet set, DatabaseChangeLog log, Database db, ChangeSet.ExecType type) {
    end("applied", set, type.toString());
  }

  @Override
  public void runFailed(ChangeSet set, DatabaseChangeLog log, Database db, Exception e) {
    listening = false; // what follows takes back the lock
  }

  @Override
  public void rollbackFailed(ChangeSet set, DatabaseChangeLog log, Database db, Exception e) {
    listening = false;
  }

  @Override
  public void willRollback(ChangeSet set, DatabaseChangeLog log, Database db) {
    begin(set);
    changing = true;
  }

  @Override
  public void rolledBack(ChangeSet set, DatabaseChangeLog log, Database db) {
    end("rolledback", set, null);
  }

  private void begin(ChangeSet set) {
    current = set;
    statements.clear();
    changing = false;
    listening = true;
    recorded = false;
    begun = System.nanoTime();
    emit(event("running", set));
  }

  private void end(String name, ChangeSet set, String type) {
    Map<String, Object> event = event(name, set);
    event.put("type", type);
    event.put("ms", (System.nanoTime() - begun) / 1_000_000);
    emit(event);
    changing = false;
    recorded = true;
  }

  /** What a statement's messages say at level WARNING; the others are in the log. */
  void warnings(SQLWarning first) throws SQLException {
    for (SQLWarning w = first; w != null; w = w.getNextWarning()) {
      if (w instanceof PSQLWarning && "WARNING".equals(((PSQLWarning) w).getServerErrorMessage().getSeverity())) {
        Map<String, Object> event = event("warning", current);
        event.put("cause", Failure.oneLine(w.getMessage()));
        emit(event);
      }
    }
  }

  /** What stays of the changeset that failed: parts of one outside the transaction, or of one that ended it. */
  void partly(Map<String, Object> known, boolean ended) {
    if (known == null && !ended) {
      return;
    }
    Map<String, Object> event = event("partly", current);
    event.put("ended", ended);
    event.put("ran", known == null ? null : known.get("ran"));
    event.put("indexes", known == null ? null : known.get("indexes"));
    emit(event);
  }

  /** The real file that a changeset stands in. */
  static String source(ChangeSet set) {
    DatabaseChangeLog log = set.getChangeLog();
    return log == null || log.getPhysicalFilePath() == null
        ? set.getFilePath()
        : DatabaseChangeLog.normalizePath(log.getPhysicalFilePath());
  }

  static Map<String, Object> event(String name, ChangeSet set) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("event", name);
    if (set != null) {
      name(event, set);
    }
    return event;
  }

  /** Says which changeset an event is about. */
  static void name(Map<String, Object> event, ChangeSet set) {
    event.put("file", set.getFilePath());
    event.put("id", set.getId());
    event.put("author", set.getAuthor());
  }

  /** Writes one event and flushes. Values are numbers, truths or become strings; what is null or false is left out. */
  synchronized void emit(Map<String, Object> event) {
    out.println(json(event));
    out.flush();
  }

  /** The values as one JSON object. */
  static String json(Map<String, Object> values) {
    StringBuilder line = new StringBuilder("{");
    for (Map.Entry<String, Object> entry : values.entrySet()) {
      Object value = entry.getValue();
      if (value == null || Boolean.FALSE.equals(value)) {
        continue;
      }
      line.append(line.length() > 1 ? "," : "").append(quote(entry.getKey())).append(':');
      line.append(value instanceof Number || value instanceof Boolean ? value : quote(value.toString()));
    }
    return line.append('}').toString();
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

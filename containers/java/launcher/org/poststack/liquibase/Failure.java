package org.poststack.liquibase;

import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import liquibase.changelog.ChangeSet;
import liquibase.exception.ChangeLogParseException;
import liquibase.exception.DatabaseException;
import liquibase.exception.LockException;
import liquibase.exception.MigrationFailedException;
import liquibase.exception.RollbackFailedException;
import liquibase.exception.ValidationFailedException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Turns what Liquibase throws into one event: what kind of failure, which changeset, and why in one line. */
final class Failure {
  private static final Pattern CHECKSUM =
      Pattern.compile("(.+)::(.+?)::(.+?) was: (\\S+) but is now: (\\S+)");
  private static final Pattern STATEMENT = Pattern.compile("\\[Failed SQL: \\(\\d+\\) (.*)]", Pattern.DOTALL);

  private Failure() {}

  /** The event for {@code thrown}. {@code current} is the changeset that ran, or null. */
  static Map<String, Object> describe(Throwable thrown, ChangeSet current) {
    ValidationFailedException invalid = find(thrown, ValidationFailedException.class);
    if (invalid != null) {
      return validation(invalid);
    }
    SQLException sql = find(thrown, SQLException.class);
    boolean ran = find(thrown, MigrationFailedException.class) != null || find(thrown, RollbackFailedException.class) != null;
    if (ran && current != null) {
      Map<String, Object> event = event("changeset", Report.event("failed", current));
      event.put("cause", sql == null ? last(thrown) : cause(sql));
      locate(event, sql, thrown);
      return event;
    }
    if (find(thrown, LockException.class) != null) {
      return plain("lock", last(thrown));
    }
    ChangeLogParseException unreadable = innermost(thrown, ChangeLogParseException.class);
    if (unreadable != null) { // unlike what caused it, it names the file
      return plain("changelog", oneLine(unreadable.getMessage()));
    }
    if (sql != null) {
      Map<String, Object> event = plain("database", cause(sql));
      event.put("sqlstate", sql.getSQLState());
      return event;
    }
    return plain("other", last(thrown));
  }

  private static Map<String, Object> validation(ValidationFailedException invalid) {
    for (String line : invalid.getInvalidMD5Sums()) {
      Matcher match = CHECKSUM.matcher(line.trim());
      if (match.find()) {
        Map<String, Object> event = plain("checksum", "checksum was " + match.group(4) + " but is now " + match.group(5));
        event.put("file", match.group(1));
        event.put("id", match.group(2));
        event.put("author", match.group(3));
        event.put("others", invalid.getInvalidMD5Sums().size() - 1);
        return event;
      }
    }
    return plain("validation", oneLine(invalid.getMessage()));
  }

  // Adds where in the failed statement PostgreSQL stopped: the statement, and the position in it from 1.
  private static void locate(Map<String, Object> event, SQLException sql, Throwable thrown) {
    if (sql == null) {
      return;
    }
    event.put("sqlstate", sql.getSQLState());
    if (!(sql instanceof PSQLException)) {
      return;
    }
    ServerErrorMessage server = ((PSQLException) sql).getServerErrorMessage();
    if (server != null && server.getPosition() > 0) {
      event.put("position", server.getPosition());
    }
    DatabaseException failed = find(thrown, DatabaseException.class);
    Matcher statement = STATEMENT.matcher(failed == null ? "" : failed.getMessage());
    if (statement.find()) {
      event.put("sql", statement.group(1));
    }
  }

  private static String cause(SQLException sql) {
    if (sql instanceof PSQLException) {
      ServerErrorMessage server = ((PSQLException) sql).getServerErrorMessage();
      if (server != null && server.getMessage() != null) {
        StringBuilder text = new StringBuilder(server.getSeverity() + ": " + server.getMessage());
        if (server.getDetail() != null) {
          text.append(" (").append(server.getDetail()).append(')');
        }
        if (server.getHint() != null) {
          text.append(" (").append(server.getHint()).append(')');
        }
        return oneLine(text.toString());
      }
    }
    return oneLine(sql.getMessage());
  }

  private static Map<String, Object> plain(String kind, String cause) {
    Map<String, Object> event = event(kind, Report.event("failed", null));
    event.put("cause", cause);
    return event;
  }

  private static Map<String, Object> event(String kind, Map<String, Object> base) {
    Map<String, Object> event = new LinkedHashMap<>(base);
    event.put("kind", kind);
    return event;
  }

  private static <T extends Throwable> T find(Throwable thrown, Class<T> type) {
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (type.isInstance(t)) {
        return type.cast(t);
      }
    }
    return null;
  }

  private static <T extends Throwable> T innermost(Throwable thrown, Class<T> type) {
    T found = null;
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      found = type.isInstance(t) ? type.cast(t) : found;
    }
    return found;
  }

  // The innermost message that says something.
  private static String last(Throwable thrown) {
    String text = thrown.toString();
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (t.getMessage() != null && !t.getMessage().isBlank()) {
        text = t.getMessage();
      }
    }
    return oneLine(text);
  }

  private static String oneLine(String text) {
    return text == null ? "" : text.trim().replaceAll("\\s+", " ");
  }
}

package org.poststack.liquibase;

import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import liquibase.changelog.ChangeSet;
import liquibase.exception.ChangeLogParseException;
import liquibase.exception.LockException;
import liquibase.exception.MigrationFailedException;
import liquibase.exception.PreconditionFailedException;
import liquibase.exception.RollbackFailedException;
import liquibase.exception.ValidationFailedException;
import liquibase.resource.ResourceAccessor;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Turns what Liquibase throws into one event: what kind of failure, which changeset, and why in one line. */
final class Failure {
  private static final Pattern CHECKSUM =
      Pattern.compile("(.+)::(.+?)::(.+?) was: (\\S+) but is now: (\\S+)");
  private static final Pattern DBMS = Pattern.compile("(\\S+) is not a supported DB");
  private static final Pattern LINE = Pattern.compile("\\bline (\\d+)");
  private static final int LONGEST = 2000; // characters of a statement that are told

  private final Report report;
  private final ResourceAccessor files;

  Failure(Report report, ResourceAccessor files) {
    this.report = report;
    this.files = files;
  }

  /** The event for {@code thrown}. */
  Map<String, Object> describe(Throwable thrown) {
    Reading.UnreadableException unreadable = find(thrown, Reading.UnreadableException.class);
    if (unreadable != null) {
      return unreadable(unreadable);
    }
    ValidationFailedException invalid = find(thrown, ValidationFailedException.class);
    if (invalid != null) {
      return validation(invalid);
    }
    SQLException sql = find(thrown, SQLException.class);
    ChangeSet current = report.current();
    boolean ran = find(thrown, MigrationFailedException.class) != null || find(thrown, RollbackFailedException.class) != null;
    boolean ended = find(thrown, Transaction.EndedException.class) != null;
    if (current != null && (ran || ended)) {
      Map<String, Object> event = event("changeset", Report.event("failed", current));
      PreconditionFailedException unmet = find(thrown, PreconditionFailedException.class);
      String other = unmet == null ? last(thrown) : oneLine(unmet.getFailedPreconditions().toString());
      event.put("cause", sql == null ? other : cause(sql));
      locate(event, sql);
      return event;
    }
    if (find(thrown, LockException.class) != null && sql == null || thrown instanceof Session.BusyException) {
      return plain("lock", last(thrown));
    }
    if (sql != null) {
      Map<String, Object> event = plain("database", cause(sql));
      event.put("sqlstate", sql.getSQLState());
      return event;
    }
    return blame(plain("other", last(thrown)), last(thrown));
  }

  // Liquibase puts "Error parsing FILE : " in front, once for each file on the way, and not always the one to blame.
  private static Map<String, Object> unreadable(Reading.UnreadableException unreadable) {
    ChangeLogParseException parse = innermost(unreadable, ChangeLogParseException.class);
    String text = oneLine(parse == null ? last(unreadable) : parse.getMessage());
    text = text.replaceAll("^(Error parsing \\S.* : )+", "");
    Map<String, Object> event = plain("changelog", text);
    event.put("source", unreadable.file);
    for (Matcher line = LINE.matcher(text); line.find(); ) { // YAML's parser first tells where it began
      event.put("line", Integer.valueOf(line.group(1)));
    }
    return event;
  }

  private Map<String, Object> validation(ValidationFailedException invalid) {
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
    return blame(plain("validation", oneLine(invalid.getMessage())), invalid.getMessage());
  }

  // Adds the changeset that text names; of names that go on where another ends, the longer one.
  private Map<String, Object> blame(Map<String, Object> event, String text) {
    Matcher dbms = DBMS.matcher(text); // the one message that names what is wrong alone
    boolean named = dbms.find();
    ChangeSet blamed = null;
    for (ChangeSet set : report.sets()) {
      boolean meant = named ? set.getDbmsSet() != null && set.getDbmsSet().contains(dbms.group(1)) : text.contains(set.toString(false));
      if (meant && (blamed == null || set.toString(false).length() > blamed.toString(false).length())) {
        blamed = set;
      }
    }
    if (blamed != null) {
      Report.name(event, blamed);
    }
    return event;
  }

  // Adds where in its file the failed statement stands, and what PostgreSQL calls the failure.
  private void locate(Map<String, Object> event, SQLException sql) {
    int position = 0;
    if (sql != null) {
      event.put("sqlstate", sql.getSQLState());
      ServerErrorMessage server = sql instanceof PSQLException ? ((PSQLException) sql).getServerErrorMessage() : null;
      position = server == null ? 0 : server.getPosition();
    }
    List<String> statements = report.statements();
    Place place = Place.find(files, report.current(), statements, position);
    event.put("source", place.file);
    event.put("line", place.line);
    event.put("statement", statements.size());
    event.put("sql", statements.isEmpty() ? null : abbreviate(statements.get(statements.size() - 1)));
  }

  private static String abbreviate(String sql) {
    return sql.length() > LONGEST ? sql.substring(0, LONGEST) + " …" : sql;
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

  static String oneLine(String text) {
    return text == null ? "" : text.trim().replaceAll("\\s+", " ");
  }
}

package org.poststack.liquibase;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import liquibase.change.Change;
import liquibase.change.core.SQLFileChange;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.resource.Resource;
import liquibase.resource.ResourceAccessor;

/**
 * Where in a file a statement stands. Liquibase cuts statements, drops comments and fills in properties; so all that ran
 * of the changeset is followed through the file line by line, from its declaration to the statement that failed.
 */
final class Place {
  final String file;
  final int line;

  private Place(String file, int line) {
    this.file = file;
    this.line = line;
  }

  /**
   * The place of the last of {@code statements} in the changeset, or of its character {@code position}, from 1; 0 is its
   * beginning. What cannot be found is where the changeset is declared.
   */
  static Place find(ResourceAccessor files, ChangeSet set, List<String> statements, int position) {
    Place declared = new Place(Report.source(set), Lines.of(set));
    if (statements.isEmpty()) {
      return declared;
    }
    try {
      for (Change change : set.getChanges()) {
        if (change instanceof SQLFileChange) {
          Resource file = Sources.beside(files, change, ((SQLFileChange) change).getPath(), set);
          int at = follow(content(file), 0, statements, position);
          if (at > 0) {
            return new Place(DatabaseChangeLog.normalizePath(file.getPath()), at);
          }
        }
      }
      int at = follow(content(files.getExisting(declared.file)), declared.line, statements, position);
      return at == 0 ? declared : new Place(DatabaseChangeLog.normalizePath(declared.file), at);
    } catch (IOException | RuntimeException e) {
      System.err.println("liquibase: find the statement in its file: " + e);
      return declared;
    }
  }

  // The line of the place, from 1; 0 if nothing of the last statement was found. Lines are looked for one by one, each
  // behind the one before.
  private static int follow(String content, int from, List<String> statements, int position) {
    int cursor = 0;
    for (int line = 1; line < from && cursor >= 0; line++) {
      cursor = content.indexOf('\n', cursor) + 1;
    }
    int found = -1;
    for (int i = 0; i < statements.size(); i++) {
      boolean last = i == statements.size() - 1;
      int offset = 0;
      found = -1;
      for (String text : statements.get(i).split("\n", -1)) {
        int at = text.isBlank() ? -1 : search(content, text.strip(), cursor);
        if (at >= 0) {
          found = at;
          cursor = at + text.strip().length();
        }
        offset += text.length() + 1;
        if (last && offset >= position && found >= 0) {
          break;
        }
      }
    }
    return found < 0 ? 0 : 1 + (int) content.substring(0, found).chars().filter(c -> c == '\n').count();
  }

  // The driver's nativeSQL, which Liquibase asks, makes $1 of ? and ? of ??.
  private static int search(String content, String text, int from) {
    int at = content.indexOf(text, from);
    if (at < 0 && (text.contains("$") || text.contains("?"))) {
      at = content.indexOf(text.replace("?", "??").replaceAll("\\$\\d+", "?"), from);
    }
    return at;
  }

  private static String content(Resource file) throws IOException {
    try (InputStream content = file.openInputStream()) {
      return new String(content.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
    }
  }
}

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import liquibase.integration.commandline.LiquibaseCommandLine;

/**
 * Runs Liquibase's own command line, many times in one Java process, since to start one takes most of a second. Each line
 * of the file that the first argument names is the arguments of one run, with tabs between them. It prints "run STATUS"
 * for each run, then what that printed, each line behind a tab.
 */
public final class Stock {
  private Stock() {}

  public static void main(String[] files) throws Exception {
    PrintStream out = System.out;
    for (String line : Files.readAllLines(Path.of(files[0]))) {
      ByteArrayOutputStream text = new ByteArrayOutputStream();
      PrintStream to = new PrintStream(text, true, StandardCharsets.UTF_8);
      System.setOut(to);
      System.setErr(to);
      int status = new LiquibaseCommandLine().execute(line.split("\t"));
      out.println("run " + status);
      text.toString(StandardCharsets.UTF_8).lines().forEach(l -> out.println("\t" + l));
      out.flush();
    }
    System.exit(0);
  }
}

package org.poststack.liquibase;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import sun.misc.Signal;

/** Waits for the word to go. WINCH is a signal that ends no process which does not know it. */
final class Standby {
  private final CountDownLatch go = new CountDownLatch(1);
  private final long patienceSeconds;

  Standby(long patienceSeconds) {
    this.patienceSeconds = patienceSeconds;
    Signal.handle(new Signal("WINCH"), signal -> go.countDown());
  }

  /** Waits. Whoever was to give the word may have died: then it gives up. */
  void await() throws InterruptedException {
    if (!go.await(patienceSeconds, TimeUnit.SECONDS)) {
      throw new IllegalStateException("nobody told it to go within " + patienceSeconds + " s");
    }
  }
}

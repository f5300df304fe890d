#if os(Linux)
  import Foundation

  /// A terminal of a width that nobody sits at: what a program prints there can be read.
  final class PseudoTerminal {
    /// Where a shell's redirection leads to it.
    let path: String
    private let ours: Int32
    private var bytes: [UInt8] = []

    /// A new one; nil where the system has none.
    init?(columns: UInt16) {
      ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
      var (number, isLocked): (UInt32, Int32) = (0, 0)
      var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
      // TIOCGPTN and TIOCSPTLCK, whose names are no numbers to Swift.
      guard ours >= 0, ioctl(ours, 0x8004_5430, &number) == 0, ioctl(ours, 0x4004_5431, &isLocked) == 0,
        ioctl(ours, UInt(TIOCSWINSZ), &size) == 0
      else { return nil }
      path = "/dev/pts/\(number)"
      if access(path, R_OK | W_OK) != 0 { return nil }
    }

    deinit { if ours >= 0 { close(ours) } }

    /// Waits until more is printed; false if all who print there have ended.
    func read() -> Bool {
      var more = [UInt8](repeating: 0, count: 4096)
      var count = -1
      repeat { count = Foundation.read(ours, &more, more.count) } while count < 0 && errno == EINTR
      bytes += more.prefix(max(0, count))
      return count > 0
    }

    /// Waits until all who print there have ended.
    func readToEnd() { while read() {} }

    /// What was read so far, without the carriage returns that a terminal adds to new lines.
    var text: String { String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n") }
  }
#endif

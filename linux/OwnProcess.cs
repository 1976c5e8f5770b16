using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux;

/// <summary>Settings of the gateway's own process.</summary>
public static class OwnProcess
{
    private const uint CLOSE_RANGE_CLOEXEC = 4;

    private const int StandardError = 2;

    /// <summary>The user whose rights this process has.</summary>
    public static uint EffectiveUserId => Libc.geteuid();

    /// <summary>Keeps descriptors that this process inherited from reaching any child; first thing in Main.</summary>
    public static void ShieldInheritedDescriptors() => _ = Libc.close_range(3, uint.MaxValue, CLOSE_RANGE_CLOEXEC);

    /// <summary>
    /// New files are writable by their owner only. The mask is the whole process's, so it is set once and every other mode is
    /// set by its path.
    /// </summary>
    public static void SetUmask() => _ = Libc.umask(0x12); // 022

    /// <summary>
    /// Lets the kernel kill this process when the thread that started it ends, and so with its parent, however that ends; see
    /// PR_SET_PDEATHSIG of prctl(2).
    /// </summary>
    /// <param name="parent">Who started it.</param>
    /// <returns>False if the parent was gone already.</returns>
    public static bool TryEndWith(int parent)
    {
        const int SigKill = 9;
        return Libc.prctl(Libc.PR_SET_PDEATHSIG, SigKill, 0, 0, 0) == 0 && Libc.getppid() == parent;
    }

    /// <summary>
    /// Sends to a file, made anew, what is written to descriptor 2 from now on: by the runtime when it gives up, and by native code.
    /// <see cref="Console.Error"/> has a descriptor of its own and goes where it went. Disposing of the result undoes it.
    /// </summary>
    public static IDisposable SendErrorsTo(string path)
    {
        Console.Error.Flush(); // opened by this, if it was not
        File.Delete(path);
        using var file = SafeFd.OpenAppend(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var before = SafeFd.Duplicate(StandardError);
        _ = Libc.dup2(file.Number, StandardError);
        return new Redirection(before, StandardError);
    }

    private sealed class Redirection(SafeFd before, int number) : IDisposable
    {
        public void Dispose()
        {
            if (!before.IsClosed)
            {
                _ = Libc.dup2(before.Number, number);
                before.Dispose();
            }
        }
    }

    /// <summary>Writes to descriptor 2, wherever that leads, past every buffer and lock; what cannot be written is lost.</summary>
    public static unsafe void WriteError(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* start = bytes)
        {
            _ = Libc.write(StandardError, start, bytes.Length);
        }
    }

    /// <summary>
    /// Finds what <see cref="WriteError"/> and <see cref="EndNow"/> call: .NET looks for a function at its first call, in files, for which there may
    /// be no descriptor then.
    /// </summary>
    public static void PrepareEnd()
    {
        WriteError("");
        Marshal.Prelink(((Action<int>)Libc._exit).Method);
    }

    /// <summary>Ends this process here: no finaliser, no handler of anybody's is asked; see _exit(2).</summary>
    public static void EndNow(int status) => Libc._exit(status);
}

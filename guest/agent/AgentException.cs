using System.Globalization;
using System.Runtime.InteropServices;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>A failure that the host is told.</summary>
internal sealed class AgentException(GuestErrorCode code, string message) : Exception(message)
{
    public GuestErrorCode Code { get; } = code;

    /// <summary>A libc call failed.</summary>
    public static AgentException Last(string call, string subject) =>
        new(GuestErrorCode.Internal, string.Create(CultureInfo.InvariantCulture, $"{call} {subject}: {Marshal.GetLastPInvokeErrorMessage()}"));

    public static AgentException NotFound(string what) => new(GuestErrorCode.NotFound, what);

    public static AgentException Invalid(string what) => new(GuestErrorCode.InvalidArgument, what);

    /// <summary>Throws if a libc call failed.</summary>
    public static int Check(int result, string call, string subject) => result >= 0 ? result : throw Last(call, subject);
}

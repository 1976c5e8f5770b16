namespace Berth.Streaming;

internal static partial class StreamingLog
{
    [LoggerMessage(900, LogLevel.Information, "streams are served at {Address}")]
    public static partial void Serving(ILogger log, Uri address);

    [LoggerMessage(901, LogLevel.Warning, "streams are not served at {Listen}: {Reason}; correct streaming.*")]
    public static partial void NotServing(ILogger log, string listen, string reason);

    [LoggerMessage(904, LogLevel.Information, "the streaming server has the certificate of {Path}: {Subject}, good until {NotAfter}")]
    public static partial void CertificateLoaded(ILogger log, string path, string subject, DateTime notAfter);

    [LoggerMessage(905, LogLevel.Warning, "the streaming server keeps its certificate, for that of {Path} cannot be used: {Reason}")]
    public static partial void CertificateKept(ILogger log, string path, string reason);

    [LoggerMessage(902, LogLevel.Information, "{Kind} {Subject} over {Protocol}: {Outcome}")]
    public static partial void Ended(ILogger log, string kind, string subject, string protocol, string outcome);

    [LoggerMessage(903, LogLevel.Error, "{Kind} {Subject} over {Protocol} failed")]
    public static partial void Broke(ILogger log, string kind, string subject, string protocol, Exception exception);
}

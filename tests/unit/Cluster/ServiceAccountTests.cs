using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Cluster;
using Berth.Plugins;
using k8s.Exceptions;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Berth.Tests.Unit.Cluster;

/// <summary>The credentials of a pod: files of a service account and two variables, against a server with TLS that wants the token.</summary>
public sealed class ServiceAccountTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _certificate = Certificate();

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task InCluster_TheTokenAndTheCertificate_OpenTheServer_AndANewTokenIsRead()
    {
        await using var server = new ApiServer { Certificate = _certificate, Token = "one" };
        await server.StartAsync();
        server.PutNode("node-1", "{}");
        _folder.Write("ca.crt", _certificate.ExportCertificatePem());
        _folder.Write("token", "one\n");
        using var table = new HandlerTable(PluginSnapshot.Empty);
        table.Swap(new([], [Offered("crun")]));
        using var publisher = new ClusterPublisher(new() { InCluster = true, Node = "node-1" }, table, TimeProvider.System, NullLogger<ClusterPublisher>.Instance)
        {
            Interval = TimeSpan.FromMilliseconds(20),
            Account = new(_folder.Path, "127.0.0.1", $"{server.Port}"),
        };
        await publisher.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => server.Class("crun") is not null);

        // The kubelet renews it in place, before the old one ends.
        _folder.Write("token", "two\n");
        server.Token = "two";
        table.Swap(new([], [Offered("crun"), Offered("runc")]));
        await UntilAsync(() => server.Class("runc") is not null);
        await publisher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task InCluster_AnotherCertificate_IsNotBelieved()
    {
        await using var server = new ApiServer { Certificate = _certificate };
        await server.StartAsync();
        using var stranger = Certificate();
        _folder.Write("ca.crt", stranger.ExportCertificatePem());
        _folder.Write("token", "one");
        using var api = ClusterConnection.Open(new() { InCluster = true }, new(_folder.Path, "127.0.0.1", $"{server.Port}"));
        await Assert.ThrowsAsync<HttpRequestException>(() => k8s.NodeV1OperationsExtensions.ListRuntimeClassAsync(api.NodeV1, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Read_OutsideACluster_SaysWhatIsMissing()
    {
        Assert.Contains("KUBERNETES_SERVICE_HOST", Assert.Throws<KubeConfigException>(() => new ServiceAccount(_folder.Path, null, null).Read()).Message, StringComparison.Ordinal);
        Assert.Contains("/token is not there", Assert.Throws<KubeConfigException>(() => new ServiceAccount(_folder.Path, "10.0.0.1", "443").Read()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.96.0.1", "https://10.96.0.1:6443/")]
    [InlineData("fd00::1", "https://[fd00::1]:6443/")]
    public void Read_OfEachFamily_IsAnAddress(string host, string expected)
    {
        _folder.Write("ca.crt", _certificate.ExportCertificatePem());
        _folder.Write("token", "one");
        Assert.Equal(expected, new ServiceAccount(_folder.Path, host, "6443").Read().Host);
    }

    // A handler that is there and not ready is published too.
    private static HandlerEntry Offered(string name) => new()
    {
        Name = name,
        Plugin = "p",
        PluginVersion = "1.0.0",
        Failure = "no runtime",
        Source = LoadedPlugin.Of(
            new("/p", null, PluginState.Active, ""), new() { Id = "p", Version = "1.0.0", Assembly = "p.dll", Contract = new("1.0", "1.0") }, PluginState.Failed, "no runtime"),
    };

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=API server of a test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            await Task.Delay(20, limit.Token);
        }
    }
}

# SPDX-License-Identifier: Apache-2.0
# ruby_client.rb DIRECTORY FOLDER CHALLENGE KEY NAME...: one certificate
# by the library acme-client.  Tokens go to FOLDER/web, TXT
# records to $DNS_TXT; FOLDER/account.pem is kept from run to run.
require 'acme-client'
require 'openssl'

directory, folder, kind, key_kind, *names = ARGV
account_file = File.join(folder, 'account.pem')
unless File.exist?(account_file)
  File.write(account_file, OpenSSL::PKey::RSA.new(2048).to_pem)
end
client = Acme::Client.new(
  private_key: OpenSSL::PKey::RSA.new(File.read(account_file)),
  directory: directory
)
client.new_account(contact: 'mailto:clients@example.com',
                   terms_of_service_agreed: true)

order = client.new_order(identifiers: names)
clean = []
order.authorizations.each do |authorization|
  next if authorization.status == 'valid'
  if kind == 'http-01'
    challenge = authorization.http
    file = File.join(folder, 'web', challenge.token)
    File.write(file, challenge.file_content)
  else
    challenge = authorization.dns
    file = File.join(ENV.fetch('DNS_TXT'),
                     "#{challenge.record_name}.#{authorization.domain}")
    File.open(file, 'a') { |f| f.puts(challenge.record_content) }
  end
  clean << file
  challenge.request_validation
  100.times do
    challenge.reload
    break unless %w[pending processing].include?(challenge.status)
    sleep 0.1
  end
  abort "challenge: #{challenge.error}" unless challenge.status == 'valid'
end
clean.each { |file| File.delete(file) if File.exist?(file) }

key = if key_kind == 'rsa'
        OpenSSL::PKey::RSA.new(2048)
      else
        OpenSSL::PKey::EC.generate('prime256v1')
      end
csr = Acme::Client::CertificateRequest.new(private_key: key, names: names)
order.finalize(csr: csr)
100.times do
  break unless order.status == 'processing'
  sleep 0.1
  order.reload
end
File.write(File.join(folder, 'chain.pem'), order.certificate)
File.write(File.join(folder, 'key.pem'), key.to_pem)

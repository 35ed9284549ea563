import type { Settings as _remora_v1_Settings, Settings__Output as _remora_v1_Settings__Output } from '../../remora/v1/Settings.ts';
import type { Service as _remora_v1_Service, Service__Output as _remora_v1_Service__Output } from '../../remora/v1/Service.ts';
import type { Routes as _remora_v1_Routes, Routes__Output as _remora_v1_Routes__Output } from '../../remora/v1/Routes.ts';
import type { Endpoints as _remora_v1_Endpoints, Endpoints__Output as _remora_v1_Endpoints__Output } from '../../remora/v1/Endpoints.ts';
import type { Workload as _remora_v1_Workload, Workload__Output as _remora_v1_Workload__Output } from '../../remora/v1/Workload.ts';
import type { ExternalService as _remora_v1_ExternalService, ExternalService__Output as _remora_v1_ExternalService__Output } from '../../remora/v1/ExternalService.ts';

export interface Resource {
  'name'?: (string);
  /**
   * A hash of the body.
   */
  'version'?: (string);
  /**
   * Features that a receiver must understand; an unknown one is a Nack, so
   * that an old sidecar never applies half a rule.
   */
  'requires'?: (string)[];
  'settings'?: (_remora_v1_Settings | null);
  'service'?: (_remora_v1_Service | null);
  'routes'?: (_remora_v1_Routes | null);
  'endpoints'?: (_remora_v1_Endpoints | null);
  'workload'?: (_remora_v1_Workload | null);
  /**
   * Requires the feature "external-services.v1".
   */
  'external'?: (_remora_v1_ExternalService | null);
  'body'?: "settings"|"service"|"routes"|"endpoints"|"workload"|"external";
}

export interface Resource__Output {
  'name': (string);
  /**
   * A hash of the body.
   */
  'version': (string);
  /**
   * Features that a receiver must understand; an unknown one is a Nack, so
   * that an old sidecar never applies half a rule.
   */
  'requires': (string)[];
  'settings'?: (_remora_v1_Settings__Output | null);
  'service'?: (_remora_v1_Service__Output | null);
  'routes'?: (_remora_v1_Routes__Output | null);
  'endpoints'?: (_remora_v1_Endpoints__Output | null);
  'workload'?: (_remora_v1_Workload__Output | null);
  /**
   * Requires the feature "external-services.v1".
   */
  'external'?: (_remora_v1_ExternalService__Output | null);
  'body'?: "settings"|"service"|"routes"|"endpoints"|"workload"|"external";
}
